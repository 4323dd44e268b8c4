package foreign

import (
	"errors"
	"slices"

	"dochook/doctype/record"
)

// Push is what one webhook body of another system says.
type Push struct {
	// Records are what the body carries, in its order; nil if there are none.
	Records []Record
	// Columns is the list of fields of format rows, in the order as sent.
	Columns []Column
	// Recipe and Table are recipeName and tableName of format rows, "" where
	// they are absent.
	Recipe, Table string
	// Job is the event of format job, nil in the others.
	Job *Job
	// JobID is the jobID of format changes, a number in its literal spelling;
	// "" where it is absent. It names what runs again and again, our scraper.
	JobID string
}

// Record is one record of a body.
type Record struct {
	// Line is the place (from 1) in rows, data or products.
	Line int
	// Data is a JSON object that record.Check accepts, its values spelled as
	// they were sent. In formats job and changes it is a part of the body. Nil
	// if Err is set.
	Data []byte
	// Trash says that the record was removed (format changes); Data is its last
	// known state then.
	Trash bool
	// Err is nil or an [*Error]: this record is refused, others are not.
	Err error
}

// Column is a column of format rows.
type Column struct {
	// ID and Name are as they were sent. The id stays when the name changes.
	ID, Name string
	// Fieldname is the member that holds the column's cells in the records. A
	// caller that keeps it for the id and hands it in as known the next time
	// keeps the member when the column is renamed.
	Fieldname string
}

// Job is an event of a scrape run (format job).
type Job struct {
	// ID is the run's id at the sender, a number in its literal spelling; ""
	// where it is absent.
	ID string
	// Event is doctype.JobStarted, JobData or JobFinished; the last one however
	// the run ended.
	Event string
	// Status is, when Event is JobFinished, what the run ended as: "finished",
	// "failed" or "stopped". Otherwise it is the sender's word in lower case,
	// "in_progress" where there is none.
	Status string
	// Timestamp is the sender's, as it was spelled; "" where it is absent.
	Timestamp string
}

// The names of the formats, as [Read] takes them.
const (
	formatRows    = "rows"
	formatJob     = "job"
	formatChanges = "changes"
)

// maxRecords bounds the memory that a body of nothing but commas can claim. No
// page of real records comes near it.
const maxRecords = 1 << 20

// Read reads a body in the format "rows", "job" or "changes"; known is for rows
// alone, see [Rows]. An unknown format is an error.
func Read(format string, body []byte, known map[string]string) (Push, error) {
	switch format {
	case formatRows:
		return Rows(body, known)
	case formatJob:
		return JobEvent(body)
	case formatChanges:
		return Changes(body)
	}
	return Push{}, failf(CodeInvalid, "format", "is rows, job or changes, not %.60q", format)
}

// collect makes a record of each element of an array.
func collect(array []byte, field string, read func(element []byte) Record) ([]Record, error) {
	var records []Record
	for element := range record.Elements(array) {
		if len(records) == maxRecords {
			return nil, failf(CodeTooLarge, field, "has more than %d records", maxRecords)
		}
		r := read(element)
		r.Line = len(records) + 1
		records = append(records, r)
	}
	return records, nil
}

// check refuses what cannot be kept as a record; what is its name in messages.
func check(what string, data []byte) error {
	if data[0] != '{' {
		return failf(CodeInvalid, "", "%s must be an object, it is %s", what, kind(data))
	}
	err := record.Check(data)
	if own, ok := errors.AsType[*record.Error](err); ok {
		return ofRecord(own)
	}
	return err
}

// plain is a record that stands in the body as it is.
func plain(what string, data []byte) Record {
	if err := check(what, data); err != nil {
		return Record{Err: err}
	}
	return Record{Data: slices.Clip(data)}
}
