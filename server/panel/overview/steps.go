package overview

// step is one of the first things to do.
type step struct {
	Done           bool
	ID, Title      string
	Text, Command  string
	Section        string // where it can be done in the panel
	Path, LinkText string
}

// steps are what to do first; nil if everything is done.
func steps(base string, docType, webhook, record bool) []step {
	if docType && webhook && record {
		return nil
	}
	head := `curl -sS -H "Authorization: token $TOKEN" -H 'Content-Type: application/json' ` + base
	return []step{
		{
			docType, "step-doctype", "Make a DocType", "It names a kind of record and says which field a document is named by.",
			head + `/api/resource/DocType -d '{"name": "Product", "autoname": "field:sku"}'`, "documents", "/app/documents/new", "Make a DocType",
		},
		{
			webhook, "step-webhook", "Make a webhook", "It is called when documents of the DocType change.",
			head + `/api/resource/Webhook -d '{"name": "products", "webhook_doctype": "Product", "webhook_docevent": "on_change", "request_url": "https://example.com/hook"}'`,
			"webhooks", "/app/webhooks/new", "Make a webhook",
		},
		{
			record, "step-records", "Send records", "One JSON object in each line, as many as you like. New ones are inserted, known ones updated.",
			head + `/api/ingest/Product -d '{"sku": "a1", "price": 9.5}'`, "", "", "",
		},
	}
}
