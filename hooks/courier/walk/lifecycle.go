package walk

import "dochook/hooks/ledger"

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

// Finished is why a walker ends that has walked all there ever will be.
const Finished = "Finished"
