package walk

import (
	"context"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/hooks/ledger"
)

// bomb is a target that panics.
type bomb struct{}

func (bomb) wants(_, _ *doctype.Event) bool { return true }

func (bomb) ship(context.Context, *shipment) outcome { panic("boom: " + t0) } //nolint:forbidigo // it is the test

func (bomb) settings() settings { return settings{} }

const t0 = "a secret of the code"

// A panic ends the delivery it came from, and is for the log alone.
func TestSafely(t *testing.T) {
	sh := &shipment{id: "msg_1"}
	o := safely(t.Context(), bomb{}, sh)
	if o.shipment != sh || rules[o.verdict].to != ledger.Dead || o.reason != "internal" {
		t.Errorf("%+v", o)
	}
	if !strings.Contains(o.trouble, t0) || strings.Contains(o.detail.Error, t0) {
		t.Errorf("for the log %q, for everybody %q", o.trouble, o.detail.Error)
	}
}

// Every verdict has its rule, and every rule its words.
func TestRules_are_whole(t *testing.T) {
	for v := delivered; v <= split; v++ {
		r, ok := rules[v]
		if !ok || r.when == "" {
			t.Errorf("verdict %d has no rule", v)
		}
		if r.again && r.to != ledger.Retrying || r.parts && r.to != "" || r.stays && r.to != "" {
			t.Errorf("the rule of verdict %d contradicts itself: %+v", v, r)
		}
	}
}
