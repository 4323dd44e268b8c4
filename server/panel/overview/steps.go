package overview

import (
	"net/url"
	"strings"

	"dochook/server/panel/page"
)

// step is one of the first things to do.
type step struct {
	Done           bool
	ID, Title      string
	Text, Command  string
	Section        string // where it can be done in the panel
	Path, LinkText string
}

// steps are what to do first; nil if everything is done.
// docTypes are the names of the first DocTypes; records go into the first of them.
func steps(base string, docTypes []string, webhook, record bool) []step {
	docType := len(docTypes) > 0
	if docType && webhook && record {
		return nil
	}
	into, imports, importPath := "Product", "", ""
	if docType {
		into, imports = docTypes[0], "documents"
		importPath = page.Path("documents", "doctype", into, "import")
	}
	head := `curl -sS -H "Authorization: token $TOKEN" -H 'Content-Type: application/json' ` + base
	return []step{
		{
			docType, "step-doctype", "Make a DocType", "It names a kind of record and says which field a document is named by.",
			head + `/api/resource/DocType -d '{"name": "Product", "autoname": "field:sku"}'`, "documents", "/app/documents/new", "Make a DocType",
		},
		{
			record, "step-records", "Send records", "One JSON object in each line, as many as you like. New ones are inserted, known ones updated.",
			head + `/api/ingest/` + strings.ReplaceAll(url.QueryEscape(into), "+", "%20") + ` -d '{"sku": "a1", "price": 9.5}'`, imports, importPath, "Import some",
		},
		{
			webhook, "step-webhook", "Make a webhook", "It is called when documents of the DocType change.",
			head + `/api/resource/Webhook -d '{"name": "products", "webhook_doctype": "Product", "webhook_docevent": "on_change", "request_url": "https://example.com/hook"}'`,
			"webhooks", "/app/webhooks/new", "Make a webhook",
		},
	}
}
