package sender

import (
	"net"
	"net/url"
	"strconv"

	"dochook/hooks/sender/guard"
	"dochook/hooks/sender/mask"
)

// route is a target with what each request to it needs.
type route struct {
	raw     string
	url     *url.URL
	host    string
	shown   string // the URL without secrets.
	address string // host and port to dial.
	key     string // what two routes have in common whose requests can share a connection.
}

func newRoute(raw string) (*route, error) {
	t, err := guard.Parse(raw)
	if err != nil {
		return nil, err
	}
	r := &route{raw: raw, url: t.URL, host: t.Host, shown: mask.URL(t.URL)}
	r.address = net.JoinHostPort(t.URL.Hostname(), strconv.Itoa(int(t.Port)))
	r.key = t.URL.Scheme + " " + r.address
	return r, nil
}
