package doctype

import (
	"bytes"
	"strconv"

	"dochook/doctype/record"
)

// Removal is when the removals that a full job leads to wait for a person. Nil bounds do not brake.
type Removal struct {
	HoldOnZero     bool     // a job without records
	HoldOnNameless bool     // records that say nothing of which document they are
	MinRatio       *float64 // records below this part of the documents that were live when the job began
	MaxRemovals    *int64   // more removals than this
	MaxRatio       *float64 // removals of this part of them or more
	Misses         int64    // finished full jobs in a row that must miss a document before it goes; at least 1
}

// Brakes, as jobs name them.
const (
	BrakeZero        = "zero"         // no records
	BrakeNameless    = "nameless"     // records without their key: who knows whose
	BrakeExpect      = "expect"       // fewer records than announced
	BrakeMinRatio    = "min_ratio"    // too few records
	BrakeMaxRemovals = "max_removals" // too many removals
	BrakeMaxRatio    = "max_ratio"    // too large a part would be removed
	BrakeMaxUpdates  = "max_updates"  // too large a part changed
)

// Run is a full job that has ended, in numbers.
type Run struct {
	Accepted int64  // names of accepted records
	Received int64  // records, refused ones apart
	Nameless int64  // refused records that named no document
	Expect   *int64 // records announced
	Live     int64  // documents it could have missed, when it began
	Due      int64  // those that it would remove
}

// Brake says which brake holds the removals of a job back, "" when none does.
func (r *Removal) Brake(j Run) string {
	// Quotients, because 0.07*100 is more than 7.
	records, part := float64(j.Accepted)/float64(j.Live), float64(j.Due)/float64(j.Live)
	switch {
	case r.HoldOnZero && j.Accepted == 0:
		return BrakeZero
	case j.Expect != nil && j.Received < *j.Expect:
		return BrakeExpect
	case r.HoldOnNameless && j.Nameless > 0:
		return BrakeNameless
	case r.MinRatio != nil && records < *r.MinRatio:
		return BrakeMinRatio
	case r.MaxRemovals != nil && j.Due > *r.MaxRemovals:
		return BrakeMaxRemovals
	case r.MaxRatio != nil && part >= *r.MaxRatio:
		return BrakeMaxRatio
	}
	return ""
}

// DefaultRemoval holds a job without records, with fewer than half of what was there, or that would remove half.
func DefaultRemoval() Removal {
	half, other := 0.5, 0.5
	return Removal{HoldOnZero: true, MinRatio: &half, MaxRatio: &other, Misses: 1}
}

// ParseRemoval reads {on_zero: hold|allow, on_nameless: hold|allow, min_ratio, max_removals, max_ratio, misses} over the defaults. null takes
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
		r.HoldOnZero, err = holds(at, value)
	case "on_nameless":
		r.HoldOnNameless, err = holds(at, value)
		r.HoldOnNameless = r.HoldOnNameless && string(value) != "null"
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
		return Errorf(CodeInvalid, at, "unknown member: there are on_zero, on_nameless, min_ratio, max_removals, max_ratio and misses")
	}
	return err
}

// holds reads hold or allow.
func holds(at string, value []byte) (bool, error) {
	switch string(value) {
	case `"hold"`, "null":
		return true, nil
	case `"allow"`:
		return false, nil
	default:
		return true, Errorf(CodeInvalid, at, "must be hold or allow")
	}
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
