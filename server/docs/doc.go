// Package docs is the documentation that the program serves: Markdown in pages, embedded, as HTML below /docs, each page as it was written
// below /docs/{page}.md, and /llms.txt for programs that read (https://llmstxt.org).
//
// A page begins with its title and a paragraph that says what it is about; both stand in the index. Links to other pages name their files
// (delivery.md#order), so that they lead somewhere in an editor, too, and lead to /docs/{page} in HTML. HTML in a page is an error, but for
// comments, which are left out: <!-- test --> before a block of commands has a test run them.
//
// Fenced blocks of two kinds are more than text. A console block holds commands behind "$ " and what they answer. An example block holds
// what goes into a mapping, a template, a condition or a comparison and what comes out, each part behind its label, such as "document:";
// a test runs it on the packages that do it.
package docs
