// Package webpolicy sets the headers by which browsers protect players from other
// sites. Game servers, matchmakers and the page share it.
package webpolicy

import (
	"fmt"
	"net/http"
	"time"

	"tactus/internal/origin"
)

// Document forbids browsers to guess the type of an answer from its content, which
// could turn data into a script (Fetch standard, section 3.6).
func Document(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// dataPolicy lets an answer that is no page load nothing, and be shown in no frame.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

// Data is Document for answers that are no pages, such as those of APIs and probes. It
// replaces the policy of pages.
func Data(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", dataPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// StrictTransport lets browsers use https only for a host, at all its ports, for an age
// after each answer (RFC 6797). Answers without TLS, and those to IP addresses and
// localhost, do not have it. An age of 0 changes nothing.
func StrictTransport(next http.Handler, age time.Duration) http.Handler {
	if age <= 0 {
		return next
	}
	value := fmt.Sprintf("max-age=%d", int64(age.Seconds()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, _, ok := origin.SplitHost(r.Host); ok && r.TLS != nil && origin.IsPublicName(name) {
			w.Header().Set("Strict-Transport-Security", value)
		}
		next.ServeHTTP(w, r)
	})
}
