// Package openapi is the description of the service's doors and of the requests it sends, in OpenAPI 3.1, as JSON and as a page to be read.
//
// The description is written by hand in source: root.yaml has what all share, each other file the operations of one tag with their
// schemas. At the first question it is joined to one document, and what follows from rules is added:
//
//   - every path below /api/resource exists below /api/v1/resource too;
//   - every operation may be answered with 400, 408, 413, 429, 500 and 503, and unless it is public with 401 and 403;
//   - an operation has the tag of its file.
//
// Left out are the pages for admins below /app and what belongs to them: they are for people. A path may end with a slash, and the name of
// a document may hold slashes; neither is a path of its own here.
package openapi
