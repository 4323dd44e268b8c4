package courier

import (
	"strings"

	"dochook/hooks/courier/endpoint"
	"dochook/hooks/ledger"
)

// effect is what an attempt says about its endpoint.
type effect int

const (
	silent  effect = iota // nothing
	answers               // it takes deliveries
	fails                 // it does not
)

// rule is what an attempt's verdict does to its delivery.
type rule struct {
	when     string // in words
	to       string // status after it; "" = there is no delivery
	again    bool   // while attempts are left; else dead
	off      string // why the webhook is switched off; "" = it is not
	endpoint effect
	parts    bool // others take its place
	stays    bool // as if it had not been begun
}

// rules are the state machine of deliveries: an attempt is all that moves one.
var rules = map[verdict]rule{
	delivered: {when: "2xx", to: ledger.Delivered, endpoint: answers},
	again:     {when: "any other answer, or none", to: ledger.Retrying, again: true, endpoint: fails},
	gone:      {when: "410, which switches the webhook off", to: ledger.Retrying, off: "gone", endpoint: fails},
	dead:      {when: "413, or it cannot be rendered", to: ledger.Dead},
	skipped:   {when: "the condition fails, or too many hops", to: ledger.Skipped},
	unwanted:  {when: "the condition does not hold"},
	split:     {when: "a batch comes in parts", parts: true},
	canceled:  {when: "the service stops", stays: true},
}

// finished is why a walker ends that has walked all there ever will be.
const finished = "finished"

// Lifecycle draws the tables of deliveries and of endpoints as diagrams in Mermaid.
func Lifecycle() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    state \"beyond the cursor\" as waiting\n    [*] --> waiting: event\n")
	line := func(from, to, on string) { b.WriteString("    " + from + " --> " + to + ": " + on + "\n") }
	for v := delivered; v <= split; v++ {
		r := rules[v]
		switch {
		case r.stays:
			continue
		case r.parts:
			line("waiting", ledger.Retrying, r.when)
		case r.to == "":
			line("waiting", "[*]", r.when)
		default:
			line("waiting", r.to, r.when)
			if r.to != ledger.Skipped {
				line(ledger.Retrying, r.to, r.when)
			}
		}
		if r.again {
			line(ledger.Retrying, ledger.Dead, "no attempts left")
		}
	}
	for _, over := range []string{ledger.Delivered, ledger.Dead, ledger.Skipped} {
		line(over, "[*]", "retention")
	}
	b.WriteString("```\n\n```mermaid\nstateDiagram-v2\n    [*] --> closed\n")
	for _, l := range endpoint.Lines() {
		b.WriteString("    " + l + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}
