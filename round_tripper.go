package pixivoc

import "net/http"

// RoundTripper returns client as an http.RoundTripper, for libraries that want
// an *http.Client: http.Client{Transport: pixivoc.RoundTripper(client)}. Their
// requests are then paced, authorised and repeated like those of Client.Do. A
// Runtime serves as well as a Client, inside its stage.
//
// What Do makes an error is an error here too, in place of an answer: a status
// that is not a success, a refusal by the site, ErrNoToken. Redirects are
// followed before the http.Client sees them. A request with a body needs
// GetBody, which http.NewRequest sets for the usual readers.
//
// An http.Client puts the whole URL into its errors, the query included. Unwrap
// them with errors.As before they are shown to anybody.
func RoundTripper(client interface {
	Do(request *http.Request) (*http.Response, error)
}) http.RoundTripper {
	return doer{client.Do}
}

type doer struct {
	do func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper. Do reads copies of the body, so the
// body itself is left to close.
func (d doer) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
	}
	return d.do(request)
}
