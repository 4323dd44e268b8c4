package jobs_test

import "testing"

func TestRemovals_misses(t *testing.T) {
	misses := func(n string) string { return `"removal":{"misses":` + n + `,"min_ratio":null,"max_ratio":null}` }
	tell(t, []story{
		{name: "twice in a row", scraper: misses("2"), script: `
			full A : a b c
			full B : a b
			job B removed=0 status=finished
			full C : a b
			job C removed=1
			live a b
		`},
		{name: "three times in a row, others in between", scraper: misses("3"), script: `
			full A : a b c
			full B : a b
			partial P : a
			begin F {"mode":"full"}
			page F a
			fail F
			begin S {"mode":"full"}
			page S a
			stop S
			full C : a b
			live a b c
			full D : a b
			live a b
			job D removed=1
		`},
		{name: "seen in between, by a full job", scraper: misses("2"), script: `
			full A : a b c
			full B : a b
			full C : a b c
			full D : a b
			live a b c
			full E : a b
			live a b
		`},
		{name: "seen in between, by a partial job, unchanged", scraper: misses("2"), script: `
			full A : a b c
			full B : a b
			partial P : c
			full D : a b
			live a b c
			full E : a b
			live a b
		`},
		{name: "seen in between, by a job that failed", scraper: misses("2"), script: `
			full A : a b c
			full B : a b
			begin F {"mode":"full"}
			page F c
			fail F
			full D : a b
			live a b c
		`},
		{name: "seen in between, by a page of no job", scraper: misses("2"), script: `
			full A : a b c
			full B : a b
			ingest c
			full D : a b
			live a b c
			full E : a b
			live a b
		`},
		{name: "seen in between, by another scraper, and given back", scraper: misses("2"), script: `
			scraper B
			full A : a b c
			full B : a b
			partial O as B : c               // B's
			full C : a b
			full D : a b
			live a b c
			partial P : c                    // A's again
			full E : a b
			live a b c
			full F : a b
			live a b
		`},
		{name: "a removal that was discarded did not count", scraper: `"removal":{"misses":2,"max_removals":1,"min_ratio":null,"max_ratio":null}`, script: `
			full A : a b c d
			full B : a b c                   // d once
			full C : a                       // d is due, b and c once: not held, one removal
			job C removed=1 status=finished
			full D : a                       // b and c are due
			job D status=held held=2 brake=max_removals
			discard D
			live a b c
			brakes {"misses":2,"min_ratio":null,"max_ratio":null}
			full E : a                       // b and c twice, with C
			live a
		`},
		{name: "a held job counts only when it is approved", scraper: `"removal":{"misses":2,"max_removals":0,"min_ratio":null,"max_ratio":null}`, script: `
			full A : a b c
			full B : a b                     // c once
			full C : a                       // c due, b once
			job C status=held held=1
			removals C c
			approve C
			job C status=finished removed=1 decision=approved
			live a b
			full D : a                       // b is due
			job D status=held held=1
			removals D b
			discard D
			full E : a
			job E status=held held=1
			removals E b
			approve E
			live a
		`},
		{name: "a held job that is discarded leaves earlier misses as they were", scraper: `"removal":{"misses":3,"max_removals":0,"min_ratio":null,"max_ratio":null}`, script: `
			full A : a b c
			full B : a b                     // c once
			full C : a                       // c twice, b once
			full D : a                       // c is due, b would be twice
			job D status=held held=1
			discard D
			full E : a c                     // b twice
			live a b c
			job E status=finished
			full F : a c
			job F status=held held=1
			removals F b
		`},
		{name: "a held job does not count for what was not due either", scraper: `"removal":{"misses":2,"max_removals":0,"min_ratio":null,"max_ratio":null}`, script: `
			full A : a b c
			full B : a b                     // c once
			full C : a                       // c due, b early
			discard C
			brakes {"misses":2,"min_ratio":null,"max_ratio":null}
			full D : a c                     // b once
			live a b c
			full E : a c
			live a c
		`},
		{name: "a run that would be held, were anything due, misses nothing", scraper: `"removal":{"misses":2,"on_nameless":"hold"}`, script: `
			full A : a b c d e
			full B :
			full C : a
			full D {"expect":5} : a b c d
			full E : a b c d {"SKU":"e"}
			job B status=finished held=0 brake=
			full F : a b c d                 // e once
			live a b c d e
			full G : a b c d
			live a b c d
		`},
		{name: "fewer misses from now on", scraper: misses("3"), script: `
			full A : a b c
			full B : a b
			brakes {"misses":1,"min_ratio":null,"max_ratio":null}
			full C : a b
			live a b
		`},
		{name: "removed and back again, from the beginning", scraper: misses("2"), script: `
			full A : a b
			full B : a
			full C : a
			live a
			full D : a b
			full E : a
			live a b
			full F : a
			live a
		`},
	})
}
