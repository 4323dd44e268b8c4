package rest

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/server/rest/collection"
	"dochook/server/rest/rawjson"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// params are the parameters of a method, each JSON text: from the URL, a form
// (text then) or a JSON body.
type params map[string][]byte

func (p params) text(name string) string { return rawjson.Text(p[name]) }

// values are the list parameters among them, as a URL would spell them.
func (p params) values() url.Values {
	v := url.Values{}
	for name, raw := range p {
		v.Set(name, rawjson.Text(raw))
	}
	return v
}

// method is one that /api/method knows; it returns the JSON of its message.
type method struct {
	writes bool // refused as GET
	do     func(ctx context.Context, p params) ([]byte, error)
}

func (h *Handlers) clientMethods() map[string]method {
	return map[string]method{
		"frappe.auth.get_logged_user": {do: loggedUser},
		"frappe.client.get_count":     {do: h.clientCount},
		"frappe.client.get_list":      {do: h.clientList},
		"frappe.client.get":           {do: h.clientGet},
		"frappe.client.get_value":     {do: h.clientValue},
		"frappe.client.insert":        {true, h.clientInsert},
		"frappe.client.save":          {true, h.clientSave},
		"frappe.client.set_value":     {true, h.clientSet},
		"frappe.client.delete":        {true, h.clientDelete},

		"frappe.client.get_single_value": {do: unsupported("there are no Single DocTypes here")},
		"frappe.client.rename_doc":       {do: unsupported("a document cannot be renamed: its name follows from its record")},
		"frappe.client.submit":           {do: unsupported("documents are not submitted here")},
		"frappe.client.cancel":           {do: unsupported("documents are not cancelled here")},
		"login":                          {do: unsupported("there are no passwords here: use an API key")},
		"upload_file":                    {do: unsupported("there are no files here")},
	}
}

func unsupported(why string) func(context.Context, params) ([]byte, error) {
	return func(context.Context, params) ([]byte, error) {
		return nil, web.Errorf("invalid", "", "not supported: %s", why)
	}
}

// Ping answers /api/method/ping.
func (h *Handlers) Ping(c *gin.Context) error {
	return answer(c, http.StatusOK, "message", []byte(`"pong"`))
}

// Method answers GET and POST /api/method/{method} with {"message": …}.
func (h *Handlers) Method(c *gin.Context) error {
	name := request.Segment(c, "method")
	m, ok := h.methods[name]
	if !ok {
		return web.Errorf("not_found", "method", "there is no method %.100q", name)
	}
	if m.writes && c.Request.Method == http.MethodGet {
		return web.Errorf("method_not_allowed", "", "%s changes something: call it with POST", name)
	}
	p, err := readParams(c)
	if err != nil {
		return err
	}
	out, err := m.do(request.Context(c), p)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "message", out)
}

func readParams(c *gin.Context) (params, error) {
	p := params{}
	v, err := request.Parameters(c)
	if err != nil {
		return nil, err
	}
	for name := range v {
		p[name] = rawjson.Quote(v.Get(name))
	}
	body, err := request.Object(c)
	if err != nil {
		return nil, err
	}
	maps.Insert(p, rawjson.Members(body))
	return p, nil
}

func loggedUser(ctx context.Context, _ params) ([]byte, error) {
	return rawjson.Quote(doctype.UserOf(ctx).Name), nil
}

// openNamed opens the collection that a parameter names.
func (h *Handlers) openNamed(ctx context.Context, dt string, p collection.Purpose) (*collection.Collection, error) {
	if dt == "" {
		return nil, web.Errorf("mandatory", "doctype", "the parameter doctype is missing")
	}
	return h.set.Open(ctx, dt, p)
}

func (h *Handlers) clientCount(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Read)
	if err != nil {
		return nil, err
	}
	q, err := listQuery(p.values(), col)
	if err != nil {
		return nil, err
	}
	n, err := col.Count(ctx, q)
	return strconv.AppendInt(nil, n, 10), err
}

func (h *Handlers) clientList(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Read)
	if err != nil {
		return nil, err
	}
	q, err := listQuery(p.values(), col)
	if err != nil {
		return nil, err
	}
	views, err := fetch(ctx, col, q)
	if err != nil {
		return nil, err
	}
	return rows(views, q), nil
}

// filterText spells filters that may also be just a document's name.
func filterText(raw []byte) []byte {
	trimmed := bytes.TrimSpace([]byte(rawjson.Text(raw)))
	if len(trimmed) == 0 {
		return nil
	}
	if (trimmed[0] == '{' || trimmed[0] == '[' || trimmed[0] == '"') && jsontext.Value(trimmed).IsValid() {
		return trimmed
	}
	return rawjson.Quote(string(trimmed))
}

func (h *Handlers) clientGet(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Read)
	if err != nil {
		return nil, err
	}
	if name := p.text("name"); name != "" {
		return col.Get(ctx, name)
	}
	v := url.Values{"fields": {`["*"]`}, "limit": {"1"}, "filters": {string(filterText(p["filters"]))}}
	q, err := listQuery(v, col)
	if err != nil {
		return nil, err
	}
	views, err := col.List(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, web.Errorf("not_found", "filters", "no %s passes the filters", col.Name())
	}
	return views[0], nil
}

// clientValue answers fields of the first document that passes the filters:
// {field: value}, without as_dict a list of values or, for one field, the
// value; {} when there is none.
func (h *Handlers) clientValue(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Read)
	if err != nil {
		return nil, err
	}
	v := url.Values{"limit": {"1"}, "fields": {p.text("fieldname")}, "as_dict": {p.text("as_dict")}, "filters": {string(filterText(p["filters"]))}}
	q, err := listQuery(v, col)
	if err != nil {
		return nil, err
	}
	views, err := col.List(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case len(views) == 0 && q.AsLists:
		return []byte("null"), nil
	case len(views) == 0:
		return []byte("{}"), nil
	case q.AsLists && len(q.Fields) == 1 && q.Fields[0] != "*":
		return valueOf(views[0], q.Fields[0]), nil
	}
	one := rows(views, q)
	return one[1 : len(one)-1], nil
}

// document reads a parameter that is a document, as JSON or as text of it.
func (p params) document() (doc []byte, dt, name string, err error) {
	doc = slices.Clone(p["doc"])
	if len(doc) > 0 && doc[0] == '"' {
		doc = []byte(rawjson.Text(doc))
	}
	if len(doc) == 0 {
		return nil, "", "", web.Errorf("mandatory", "doc", "the parameter doc is missing")
	}
	if err := record.Check(doc); err != nil {
		return nil, "", "", err
	}
	return doc, rawjson.Text(record.Member(doc, "doctype")), rawjson.Text(record.Member(doc, "name")), nil
}

func (h *Handlers) clientInsert(ctx context.Context, p params) ([]byte, error) {
	doc, dt, _, err := p.document()
	if err != nil {
		return nil, err
	}
	col, err := h.openNamed(ctx, dt, collection.Write)
	if err != nil {
		return nil, err
	}
	return col.Create(ctx, doc)
}

func (h *Handlers) clientSave(ctx context.Context, p params) ([]byte, error) {
	doc, dt, name, err := p.document()
	if err != nil {
		return nil, err
	}
	col, err := h.openNamed(ctx, dt, collection.Write)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, web.Errorf("mandatory", "name", "which document? Its name is missing")
	}
	return col.Update(ctx, name, doc)
}

// clientSet writes one field, or those of an object in fieldname.
func (h *Handlers) clientSet(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Write)
	if err != nil {
		return nil, err
	}
	name, field := p.text("name"), p.text("fieldname")
	if name == "" || field == "" {
		return nil, web.Errorf("mandatory", "fieldname", "the parameters name and fieldname are needed")
	}
	patch := []byte(field)
	if field[0] != '{' {
		value := p["value"]
		if value == nil {
			value = []byte("null")
		}
		var o rawjson.Object
		o.Member(field, value)
		patch = o.Bytes()
	}
	if doctype.IsStandardField(field) {
		return nil, web.Errorf("immutable", "fieldname", "Cannot edit standard field %s", field)
	}
	if err := record.Check(patch); err != nil {
		return nil, err
	}
	return col.Update(ctx, name, patch)
}

func (h *Handlers) clientDelete(ctx context.Context, p params) ([]byte, error) {
	col, err := h.openNamed(ctx, p.text("doctype"), collection.Write)
	if err != nil {
		return nil, err
	}
	name := p.text("name")
	if name == "" {
		return nil, web.Errorf("mandatory", "name", "the parameter name is missing")
	}
	return []byte(`"ok"`), col.Delete(ctx, name)
}
