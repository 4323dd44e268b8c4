package ledger_test

import (
	"strings"
	"testing"

	"dochook/hooks/ledger"
)

// Receivers know repeats by it, also those that come after an upgrade.
func TestDeliveryID_stays(t *testing.T) {
	for want, got := range map[string]string{
		"msg_GSKXL3JGKRX5C5GS36YWSTKD-9ix": ledger.DeliveryID("webhook:shop", "0190a2b4-0000-7000-8000-000000000001", ledger.Key{Pos: 12345, Part: 0}),
		"msg_YNVRL67AZXBUFMUKTLEALMYK-1":   ledger.DeliveryID("webhook:"+strings.Repeat("long", 50), "e", ledger.Key{Pos: 1, Part: 17}),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
