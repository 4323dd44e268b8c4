// Package session lets people into the panel: they sign in with the token of an
// API key and get a cookie that stands for it.
//
// The cookie holds a random id and nothing else. Every form holds a token made
// from that id, which another site cannot know; on each request that is not GET
// or HEAD the token is compared in constant time, and what browsers say of where
// the request comes from (Sec-Fetch-Site, Origin) has to agree.
package session
