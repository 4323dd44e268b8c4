package bulk

import (
	"net/url"

	"dochook/doctype/documents"
	"dochook/server/web"
)

// Formats of other systems.
const (
	formatRows    = "rows"
	formatJob     = "job"
	formatChanges = "changes"
)

// parameters are the query parameters of a bulk request.
type parameters struct {
	shape, records string
	mode           documents.Mode
	lines          bool   // answer each record
	job            string // "" is none
	format         string // "" is one of our own shapes
}

// readParameters reads the parameters; one that nobody knows is a typing
// mistake that would be found out too late.
func readParameters(v url.Values) (parameters, error) {
	p := parameters{mode: documents.Replace}
	for name := range v {
		if err := p.set(name, v.Get(name)); err != nil {
			return p, err
		}
	}
	for _, own := range []struct{ name, value string }{{"shape", p.shape}, {"records", p.records}} {
		if p.format != "" && own.value != "" {
			return p, web.Errorf("invalid", own.name, "%s does not go with format: that says where the records are", own.name)
		}
	}
	return p, nil
}

func (p *parameters) set(name, value string) error {
	switch name {
	case "shape":
		if p.shape = value; value != "" && value != "map" {
			return web.Errorf("invalid", name, "shape is map, or left out, not %.60q", value)
		}
	case "records":
		p.records = value
	case "mode":
		if value != "" {
			p.mode = documents.Mode(value)
		}
		if p.mode != documents.Replace && p.mode != documents.Merge {
			return web.Errorf("invalid", name, "mode is replace or merge, not %.60q", value)
		}
	case "results":
		if p.lines = value == "lines"; !p.lines && value != "" {
			return web.Errorf("invalid", name, "results is lines, or left out, not %.60q", value)
		}
	case "job":
		p.job = value
	case "format":
		switch value {
		case "", formatRows, formatJob, formatChanges:
			p.format = value
		default:
			return web.Errorf("invalid", name, "format is rows, job or changes, or left out, not %.60q", value)
		}
	default:
		return web.Errorf("invalid", name, "there is no parameter %.60q: known are shape, records, mode, results, job and format", name)
	}
	return nil
}
