package condition

import (
	"strings"
	"testing"
)

func TestCondition(t *testing.T) {
	facts := Facts{
		Doc:     []byte(`{"name":"QTN-1","status":"Open","total":50000,"big":9007199254740993,"email":"","items":[{"qty":2},{"qty":5}]}`),
		Old:     []byte(`{"status":"Draft","total":1}`),
		Changed: []byte(`[{"name":"status","from":"Draft","to":"Open"},{"name":"total","from":1,"to":50000}]`),
		Event:   "on_update",
	}
	for source, want := range map[string]bool{
		`doc.status == "Open" and doc.total > 40000`: true,
		`doc.status == 'Open' && doc.total > 60000`:  false,
		`doc.missing > 1`:                                    false,
		`doc.missing <= 1`:                                   false,
		`doc.missing == nil`:                                 true,
		`doc.a.b.c == nil`:                                   true,
		`doc?.a?.b == nil`:                                   true,
		`doc.items[0].qty > 1`:                               true,
		`doc.items[-1].qty == 5`:                             true,
		`doc.items[9].qty > 1`:                               false,
		`any(doc.items, .qty > 4)`:                           true,
		`all(doc.items, #.qty > 4)`:                          false,
		`len(filter(doc.items, .qty > 1)) == 2`:              true,
		`"total" in map(changed, .name)`:                     true,
		`"price" in map(changed, .name)`:                     false,
		`old.status == "Draft" and doc.status != old.status`: true,
		`event == "on_update"`:                               true,
		`job == nil`:                                         true,
		`doc.email`:                                          false,
		`not doc.email`:                                      true,
		`doc.email or doc.status`:                            true,
		`doc.items`:                                          true,
		`doc.missing contains "x"`:                           false,
		`doc.name startsWith "QTN"`:                          true,
		`doc.big > 9007199254740992`:                         true,
		`let x = doc.total; x > 3`:                           true,
		`doc.email ? true : false`:                           false,
		`lower(doc.status) == "open"`:                        true,
		`doc.status in ["Open", "Closed"]`:                   true,
		`doc["status"] == "Open"`:                            true,
		``:                                                   true,
	} {
		c, err := Parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := c.Holds(facts); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", source, got, err, want)
		}
	}
}

func TestCondition_mistakes_are_found_at_save(t *testing.T) {
	for source, want := range map[string]string{
		`doc.total >`:                "line 1, column 11",
		`frappe.db.get("x")`:         "unknown name frappe",
		`doc.total + (1`:             "line 1",
		`event.event == "on_update"`: "event is a text",
		`nowdate() == 1`:             "unknown name nowdate",
		`doc.total = 3`:              "line 1, column 11",
		"doc.x and\n doc.y ))":       "line 2",
	} {
		_, err := Parse(source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", source, err, want)
		}
	}
}

func TestCondition_failure_at_run_time_is_an_error_not_a_panic(t *testing.T) {
	for _, source := range []string{`doc.total + doc.status > 3`, `doc.missing + 1 > 3`, `doc.items.foo()`, `doc.total > "a"`, `doc.status > 5`, `doc.total contains "1"`} {
		c, err := Parse(source)
		if err != nil {
			continue // found even earlier
		}
		if _, err := c.Holds(Facts{Doc: []byte(`{"total":1,"status":"x"}`)}); err == nil {
			t.Errorf("%s: no error", source)
		}
	}
}
