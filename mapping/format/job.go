package format

import "slices"

// Job is what stands around the records in a body of format job. Event is the name on the wire.
type Job struct {
	Event, JobID, Status, Timestamp string
	HasData                         bool // the event carries records
}

// Append appends the body: {"event","jobId","jobStatus","timestamp"} and, if the event carries records, "data":[…] with
// them as they are, empty when there are none. Without HasData the records do not count.
func (h *Job) Append(dst []byte, records [][]byte) []byte {
	if h.HasData {
		dst = slices.Grow(dst, sizeOf(records)+len(h.Event)+len(h.JobID)+len(h.Status)+len(h.Timestamp)+80)
	}
	dst = appendQuote(append(dst, `{"event":`...), h.Event)
	dst = appendQuote(append(dst, `,"jobId":`...), h.JobID)
	dst = appendQuote(append(dst, `,"jobStatus":`...), h.Status)
	dst = appendQuote(append(dst, `,"timestamp":`...), h.Timestamp)
	if h.HasData {
		dst = append(dst, `,"data":[`...)
		for i, record := range records {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, trim(record)...)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
