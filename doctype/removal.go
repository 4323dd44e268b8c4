package doctype

import (
	"bytes"
	"strconv"

	"dochook/doctype/record"
)

// Removal is when the removals that a full job leads to wait for a person. Nil bounds do not brake.
type Removal struct {
	HoldOnZero  bool     // a job without records
	MinRatio    *float64 // records below this part of the documents that were live when the job began
	MaxRemovals *int64   // more removals than this
	MaxRatio    *float64 // removals of this part of them or more
	Misses      int64    // finished full jobs in a row that must miss a document before it goes; at least 1
}

// DefaultRemoval holds a job without records, with fewer than half of what was there, or that would remove half.
func DefaultRemoval() Removal {
	half, other := 0.5, 0.5
	return Removal{HoldOnZero: true, MinRatio: &half, MaxRatio: &other, Misses: 1}
}

// ParseRemoval reads {on_zero: hold|allow, min_ratio, max_removals, max_ratio, misses} over the defaults. null takes
// a brake away; no text is the defaults. Errors are of type *Error with the member's path.
func ParseRemoval(raw []byte) (Removal, error) {
	r := DefaultRemoval()
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return r, nil
	}
	if raw[0] != '{' {
		return r, Errorf(CodeInvalid, "removal", "must be an object")
	}
	for name, value := range record.Members(raw) {
		if err := r.set(name, value); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *Removal) set(name string, value []byte) (err error) {
	at := "removal." + name
	switch name {
	case "on_zero":
		switch string(value) {
		case `"hold"`, "null":
			r.HoldOnZero = true
		case `"allow"`:
			r.HoldOnZero = false
		default:
			return Errorf(CodeInvalid, at, "must be hold or allow")
		}
	case "min_ratio":
		r.MinRatio, err = ratio(at, value)
	case "max_ratio":
		r.MaxRatio, err = ratio(at, value)
	case "max_removals":
		r.MaxRemovals, err = wholeNumber(at, value)
	case "misses":
		n, err := wholeNumber(at, value)
		if err != nil {
			return err
		}
		if r.Misses = 1; n != nil {
			r.Misses = *n
		}
		if r.Misses < 1 || r.Misses > 1000 {
			return Errorf(CodeInvalid, at, "must be 1 to 1000")
		}
	default:
		return Errorf(CodeInvalid, at, "unknown member: there are on_zero, min_ratio, max_removals, max_ratio and misses")
	}
	return err
}

// ratio reads a number from 0 to 1; null is nil.
func ratio(at string, value []byte) (*float64, error) {
	if string(value) == "null" {
		return nil, nil //nolint:nilnil // no bound is no mistake
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f < 0 || f > 1 {
		return nil, Errorf(CodeInvalid, at, "must be a number from 0 to 1, or null for no bound")
	}
	return &f, nil
}

func wholeNumber(at string, value []byte) (*int64, error) {
	if string(value) == "null" {
		return nil, nil //nolint:nilnil // no bound is no mistake
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 {
		return nil, Errorf(CodeInvalid, at, "must be a whole number, or null for no bound")
	}
	return &n, nil
}

// ParseRatio reads a member that is a number from 0 to 1; nil for null.
func ParseRatio(at string, value []byte) (*float64, error) { return ratio(at, value) }

// ParseCount reads a member that is a whole number not below 0; nil for null.
func ParseCount(at string, value []byte) (*int64, error) { return wholeNumber(at, value) }
