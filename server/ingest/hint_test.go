package ingest

import (
	"errors"
	"strings"
	"testing"
)

// A text that a rate limiter sends instead of JSON has a comma in it too.
func TestReader_a_sentence_sent_as_json_is_no_csv(t *testing.T) {
	_, err := NewReader(strings.NewReader("Too many requests, please try again later."), Options{ContentType: "application/json; charset=utf-8"}).Next()
	var coded *Error
	if !errors.As(err, &coded) || coded.Code() != "not_json" {
		t.Errorf("%v, want not_json", err)
	}
}
