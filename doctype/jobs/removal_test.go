package jobs_test

import (
	"fmt"
	"testing"
)

// off takes all brakes away.
const off = `"removal":{"on_zero":"allow","on_nameless":"allow","min_ratio":null,"max_ratio":null}`

func TestRemovals_candidates(t *testing.T) {
	tell(t, []story{
		{name: "what a full job did not see goes", scraper: `"mode":"full"`, script: `
			begin A
			job A mode=full status=pending
			page A a b c d
			finish A
			log started +a +b +c +d data finished
			full B : a b=2 c
			job B status=finished removed=1 live=4
			log started ~b data -d finished
			live a b c
		`},
		{name: "only full jobs that finish remove", script: `
			full A : a b c d e
			partial B : a
			begin C {"mode":"full"}
			page C a b c d
			fail C
			begin D {"mode":"full"}
			page D a b c d
			stop D
			begin E {"mode":"full"}     // never ends
			page E a b c d
			live a b c d e
			job B removed=0 status=finished
			stop E
			live a b c d e
			full F : a b c d
			live a b c d
		`},
		{name: "several pages are seen together", scraper: off, script: `
			full A : a b c d
			begin B {"mode":"full"}
			page B a
			page B b=1
			page B a c
			finish B
			live a b c
			job B rows=4 removed=1
		`},
		{name: "documents of nobody stay", script: `
			put hand
			ingest page
			full A : a b c
			job A live=0
			full B : a b
			live a b hand page
			log +hand +page started +a +b +c data finished started data -c finished
		`},
		{name: "documents of nobody that a job saw are its own", scraper: off, script: `
			put hand
			ingest page
			full A : a hand page
			log +hand +page started +a data finished
			full B : a
			job B live=3 removed=2
			live a
		`},
		{name: "last seen by another scraper, changed or not", scraper: off, script: `
			scraper B
			full A1 : a b c d
			partial B1 as B : c d=1          // c is unchanged
			log started +a +b +c +d data finished started ~d data finished
			full A2 : a
			job A2 live=2 removed=1
			live a c d
			full B2 as B : c
			job B2 live=2 held=1             // the brakes of B are the usual ones
			approve B2
			live a c
		`},
		{name: "alternately", scraper: off, script: `
			scraper B "removal":{"on_zero":"allow","min_ratio":null,"max_ratio":null}
			full A1 : a b c
			full B1 as B : a b
			full A2 : a c                    // b is B's
			job A2 live=1 removed=0
			live a b c
			full B2 as B : b                 // a is A's
			live a b c
			full A3 : c                      // now a goes
			job A3 live=2 removed=1
			live b c
			full B3 as B : c
			live c
			full A4 :                        // c is B's
			live c
			full B4 as B :
			log started +a +b +c data finished started data finished started data finished started data finished started data -a finished started data -b finished finished -c finished
			live
		`},
		{name: "overlapping jobs of two scrapers", scraper: off, script: `
			scraper B "removal":{"on_zero":"allow","min_ratio":null,"max_ratio":null}
			full A1 : a b c
			begin A2 {"mode":"full"}
			begin B1 as B {"mode":"full"}
			page A2 a
			page B1 a b
			finish A2                        // b and a are B's now
			live a b
			finish B1
			live a b
		`},
		{name: "not if written since the job began", scraper: off, script: `
			scraper B
			full A1 : put page job restored trashed same gone
			begin A2 {"mode":"full"}
			start A2
			put put=1
			ingest page=1
			begin B as B
			page B job=1
			trash restored
			restore restored
			trash trashed
			put same                         // says nothing new
			finish A2
			live job page put restored
			job A2 removed=2
		`},
		{name: "what came into being since the job began stays", scraper: off, script: `
			full A1 : a b
			begin A2 {"mode":"full"}
			page A2 a
			begin A3 {"mode":"partial"}
			page A3 c
			finish A2
			live a c
			full A4 : a
			live a
		`},
		{name: "not if another job of the scraper wrote it without a word", scraper: off, script: `
			full A1 : a b c d
			begin A2 {"mode":"full"}
			page A2 a
			partial A3 {"baseline":true} : new b=1    // stores without events
			begin A4 {"max_updates":0}
			page A4 c=1                               // and this one keeps its event
			finish A2
			live a b c new
			stop A4
		`},
		{name: "within a scope", scraper: off, script: `
			full A1 : {"sku":"a","region":"eu","n":1} {"sku":"b","region":"eu","n":2} {"sku":"c","region":"us","n":3} d
			full A2 {"scope":{"region":"eu"}} : {"sku":"a","region":"eu","n":1}
			job A2 live=2 removed=1
			live a c d
			full A3 {"scope":[["region","=","us"],["n",">",5]]} :
			job A3 live=0 removed=0 status=finished
			full A4 {"scope":[["n","between",[2,3]]]} :
			job A4 live=1 removed=1
			live a d
			full A5 {"scope":{"region":["is","not","set"]}} : !invalid
			full A5 {"scope":{"region":["is","not_set"]}} : !invalid
			full A5 {"scope":{"region":["=",""]}} :
			live a
			full A6 {"scope":[]} :
			live
		`},
		{name: "a page may remove by itself, in any job", script: `
			full A1 : a b c d
			log started +a +b +c +d data finished
			partial A2 : -a b -nothing
			job A2 rows=1 removed=0
			log started -a data finished
			full A3 : -b c d
			job A3 removed=0 rows=2 status=finished
			log started -b data finished
			live c d
		`},
		{name: "a name that came and went in one job", scraper: off, script: `
			full A1 : a b c
			begin A2 {"mode":"full"}
			page A2 a b
			page A2 -a
			page A2 c -b b
			finish A2
			live b c
			job A2 removed=0 rows=4
		`},
		{name: "what comes back is restored", scraper: off, script: `
			full A1 : a b
			full A2 : a
			full A3 : a b
			full A4 : a
			put b=7
			log started +a +b data finished started data -b finished started +b! data finished started data -b finished +b!
			full A5 : a                      // b is still A's
			live a
		`},
		{
			name: "a record that is refused was there all the same", docType: `"fields":[{"fieldname":"v","fieldtype":"Int"},{"fieldname":"ean","fieldtype":"Data","unique":1}]`,
			scraper: off, script: `
			full A1 : a=1 b=2 {"sku":"c","ean":"1"} d
			full A2 : a=1 b="x" {"sku":"d","ean":"1"} {"sku":"c","ean":"1"}
			job A2 rows=2 removed=0
			live a b c d
			full A3 : a=1 {"sku":"c","ean":"1"}
			live a c
		`,
		},
		{name: "names of all kinds", scraper: off, script: `
			full A1 : o'clock back\slash what? 100%_ Zoë東京 a/b "$1 ); ?0 tab{0}
			live "$1 ); 100%_ ?0 Zoë東京 a/b back\slash o'clock tab{0} what?
			full A2 : Zoë東京
			live Zoë東京
			full A3 : o'clock back\slash what? 100%_ Zoë東京 a/b
			begin A4 {"mode":"full"}
			start A4
			put what?=1
			finish A4
			live what?
		`},
	})
}

func TestRemovals_brakes(t *testing.T) {
	const ten = "full A : a b c d e f g h i j\n"
	none := func(members string) string {
		return `"removal":{"on_zero":"allow","min_ratio":null,"max_ratio":null,` + members + `}`
	}
	from := func(first int) (names string) { // of a hundred
		for i := first; i < 100; i++ {
			names += fmt.Sprintf(" d%02d", i)
		}
		return names
	}
	tell(t, []story{
		{name: "by default, zero records", script: ten + "full B :\n job B status=held brake=zero held=10 live=10\n live a b c d e f g h i j"},
		{name: "by default, pages without a record that holds", script: ten + `full B : {"no":1} {} {
			job B status=held brake=zero held=10 rows=0`},
		{name: "by default, half is removed", script: ten + "full B : a b c d e\n job B status=held brake=max_ratio held=5"},
		{name: "by default, less than half is removed", script: ten + "full B : a b c d e f\n job B status=finished removed=4 held=0 brake="},
		{name: "by default, fewer than half come", script: ten + "full B : a b c d\n job B status=held brake=min_ratio held=6"},
		{name: "the first run", script: "full A : a b\n job A status=finished live=0\n log started +a +b data finished"},
		{name: "the first run, of nothing", script: "full A :\n job A status=finished live=0 brake=\n log finished"},
		{name: "nothing to remove is never held", scraper: `"removal":{"max_ratio":0,"max_removals":0,"min_ratio":1}`, script: `
			full A : a b
			full B {"expect":100} : a b c
			job B status=finished brake=
			trash a
			trash b
			trash c
			full C {"expect":5} :
			job C status=finished live=0
		`},
		{name: "zero, alone", scraper: `"removal":{"on_zero":"hold","min_ratio":null,"max_ratio":null}`, script: ten + "full B : x\n job B status=finished removed=10\n full C :\n job C status=held brake=zero"},
		{name: "zero, allowed", scraper: `"removal":{"on_zero":"allow","min_ratio":null,"max_ratio":null}`, script: ten + "full B :\n job B status=finished removed=10\n live"},
		{name: "zero, allowed, but too few", scraper: `"removal":{"on_zero":"allow","max_ratio":null}`, script: ten + "full B :\n job B status=held brake=min_ratio"},
		{name: "zero, allowed, but too many removals", scraper: `"removal":{"on_zero":"allow","min_ratio":null}`, script: ten + "full B :\n job B status=held brake=max_ratio"},
		{name: "zero, null is the default", scraper: `"removal":{"on_zero":null,"min_ratio":null,"max_ratio":null}`, script: ten + "full B :\n job B status=held brake=zero"},

		{name: "min_ratio, at", scraper: `"removal":{"min_ratio":0.3,"max_ratio":null}`, script: ten + "full B : a b c\n job B status=finished removed=7"},
		{name: "min_ratio, below", scraper: `"removal":{"min_ratio":0.3,"max_ratio":null}`, script: ten + "full B : a b\n job B status=held brake=min_ratio held=8"},
		{name: "min_ratio, each record once", scraper: `"removal":{"min_ratio":0.3,"max_ratio":null}`, script: ten + "full B : a b a b a\n job B status=held brake=min_ratio held=8"},
		{name: "min_ratio, new ones count", scraper: `"removal":{"min_ratio":0.3,"max_ratio":null}`, script: ten + "full B : a x y\n job B status=finished removed=9"},
		{name: "min_ratio 0", scraper: `"removal":{"min_ratio":0,"max_ratio":null}`, script: ten + "full B : a\n job B status=finished removed=9"},
		{name: "min_ratio 1, all", scraper: `"removal":{"min_ratio":1,"max_ratio":null}`, script: ten + "full B : a b c d e f g h i x\n job B status=finished removed=1"},
		{name: "min_ratio 1, one fewer", scraper: `"removal":{"min_ratio":1,"max_ratio":null}`, script: ten + "full B : a b c d e f g h i\n job B status=held brake=min_ratio held=1"},
		{name: "min_ratio null", scraper: `"removal":{"min_ratio":null,"max_ratio":null}`, script: ten + "full B : a\n job B status=finished removed=9"},

		{name: "max_removals, at", scraper: none(`"max_removals":3`), script: ten + "full B : a b c d e f g\n job B status=finished removed=3"},
		{name: "max_removals, above", scraper: none(`"max_removals":3`), script: ten + "full B : a b c d e f\n job B status=held brake=max_removals held=4"},
		{name: "max_removals 0", scraper: none(`"max_removals":0`), script: ten + "full B : a b c d e f g h i\n job B status=held brake=max_removals held=1"},
		{name: "max_removals 1", scraper: none(`"max_removals":1`), script: ten + "full B : a b c d e f g h i\n job B status=finished removed=1"},
		{name: "max_removals null", scraper: none(`"max_removals":null`), script: ten + "full B : a\n job B status=finished removed=9"},

		{name: "max_ratio, at", scraper: `"removal":{"max_ratio":0.2}`, script: ten + "full B : a b c d e f g h\n job B status=held brake=max_ratio held=2"},
		{name: "max_ratio, below", scraper: `"removal":{"max_ratio":0.2}`, script: ten + "full B : a b c d e f g h i\n job B status=finished removed=1"},
		{name: "max_ratio 0", scraper: `"removal":{"max_ratio":0}`, script: ten + "full B : a b c d e f g h i\n job B status=held brake=max_ratio held=1"},
		{name: "max_ratio 1, all but one", scraper: `"removal":{"max_ratio":1,"min_ratio":null}`, script: ten + "full B : a x\n job B status=finished removed=9"},
		{name: "max_ratio 1, all", scraper: `"removal":{"max_ratio":1,"min_ratio":null}`, script: ten + "full B : x\n job B status=held brake=max_ratio held=10"},
		{name: "max_ratio null", scraper: `"removal":{"max_ratio":null,"min_ratio":null}`, script: ten + "full B : x\n job B status=finished removed=10"},
		{name: "ratios that no float hits", scraper: `"removal":{"max_ratio":0.7,"min_ratio":null}`, script: ten + "full B : a b c\n job B status=held brake=max_ratio held=7"},
		{name: "ratios that no float hits, 2", scraper: `"removal":{"max_ratio":0.3,"min_ratio":0.7}`, script: ten + "full B : a b c d e f g\n job B status=held brake=max_ratio held=3"},

		{name: "ratios that no float hits, 3", scraper: `"removal":{"max_ratio":0.07,"min_ratio":0.93}`, script: `
			full A : ` + from(0) + `
			full B : ` + from(10) + `
			job B status=held brake=min_ratio held=10
			full C : ` + from(7) + `
			job C status=held brake=max_ratio held=7
			full D : ` + from(6) + `
			job D status=finished removed=6`},

		{name: "of the DocType", docType: `"removal":{"max_removals":1,"max_ratio":null}`, script: ten + "full B : a b c d e f g h\n job B status=held brake=max_removals"},
		{
			name: "the scraper's before the DocType's, as a whole", docType: `"removal":{"max_removals":0,"misses":3}`, scraper: `"removal":{"max_ratio":0.4}`,
			script: ten + "full B : a b c d e f g\n job B status=finished removed=3",
		},
		{name: "as they are when the job ends", script: ten + `begin B {"mode":"full"}
			page B a b c d e f
			brakes {"max_removals":1}
			finish B
			job B status=held brake=max_removals
			brakes null
			full C : a b c d e f
			job C status=finished removed=4
			job B status=finished decision=discarded`},

		{name: "expect, as announced", script: ten + "full B {\"expect\":8} : a b c d e f g h\n job B status=finished removed=2"},
		{name: "expect, fewer", script: ten + "full B {\"expect\":9} : a b c d e f g h\n job B status=held brake=expect held=2"},
		{name: "expect, more", script: ten + "full B {\"expect\":7} : a b c d e f g h\n job B status=finished removed=2"},
		{name: "expect, 0", script: ten + "full B {\"expect\":0} : a b c d e f g h\n job B status=finished removed=2"},
		{name: "expect, duplicates were announced too", script: ten + "full B {\"expect\":9} : a b c d e f g h h\n job B status=finished removed=2"},
		{name: "expect, those that were refused are missing", docType: `"fields":[{"fieldname":"v","fieldtype":"Int"}]`, script: ten + "full B {\"expect\":9} : a b c d e f g h i=\"x\"\n job B status=held brake=expect held=1"},
		{name: "records without a key", scraper: `"removal":{"on_nameless":"hold"}`, script: ten + `full B : a b c d e f g h {"SKU":"i"} {"sku":null}
			job B status=held brake=nameless held=2
			full C : a b c d e f g h
			job C status=finished removed=2
			full D : {"SKU":"a"} a b c d e f g h        // nothing is missing
			job D status=finished`},
		{name: "records without a key, allowed", script: ten + `full B : a b c d e f g h {"SKU":"i"}
			job B status=finished removed=2`},
		{name: "records without a key, of none with one", scraper: `"removal":{"on_zero":"allow","on_nameless":"hold","min_ratio":null,"max_ratio":null}`, script: ten + `full B : {"SKU":"i"}
			job B status=held brake=nameless held=10`},
		{name: "expect, a page that came twice counts once", script: ten + `begin B {"mode":"full","expect":9}
			page B a b c d
			page B e f g h
			page B a b c d
			finish B
			job B status=held brake=expect held=2`},
		{name: "expect of a partial job means nothing", script: ten + "partial B {\"expect\":9} : a\n job B status=finished"},

		{name: "live documents of the scope", script: `
			full A : {"sku":"a","r":1} {"sku":"b","r":1} {"sku":"c","r":1} {"sku":"d","r":2} {"sku":"e","r":2} {"sku":"f","r":2}
			full B {"scope":{"r":1}} : {"sku":"a","r":1}
			job B live=3 held=2 brake=min_ratio
			full C {"scope":{"r":1}} : {"sku":"a","r":1} {"sku":"b","r":1}
			job C live=3 removed=1 status=finished
			job B status=finished decision=discarded
		`},
	})
}
