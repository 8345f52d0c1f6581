package tactuscmd

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/spf13/cobra"

	clientjs "tactus/client-js"
	"tactus/internal/origin"
	"tactus/protocol"
)

// pageFlags are the flags about the page: its files, its path, and sites that may embed it.
type pageFlags struct {
	dir       string
	live      bool // the files change during development: nothing is cached
	base      string
	ancestors []string
}

func (f *pageFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.dir, "page", "", "folder with your own page, served instead of the arena page")
	fl.StringVar(&f.base, "base-path", "", "path of the public port behind a proxy, such as /game; the proxy may keep or remove it")
	fl.StringArrayVar(&f.ancestors, "frame-ancestors", nil, "site that may embed the page in a frame, such as https://host, https://*.host or self; * for any; may be repeated")
}

// handler serves the arena page, or the page in the folder, and the SDK.
func (f *pageFlags) handler() (http.Handler, error) {
	ancestors, err := frameAncestors(f.ancestors)
	if err != nil {
		return nil, err
	}
	embedded := withHeaders(clientjs.Handler(), map[string]string{
		"Content-Security-Policy": pagePolicy + ancestors,
		"Referrer-Policy":         "no-referrer", // a room's code is in the page's URL
	})
	if f.dir == "" {
		return embedded, nil
	}
	own, err := clientjs.OpenFolder(f.dir, f.live)
	if err != nil {
		return nil, fmt.Errorf("--page %w", err)
	}
	// The page's policy is up to its developer, its embedding up to the operator.
	var page http.Handler = own
	if len(f.ancestors) > 0 {
		page = withHeaders(own, map[string]string{"Content-Security-Policy": ancestors})
	}
	return besideSDK(own, page, embedded), nil
}

// besideSDK serves the SDK's files from the binary and all others from the folder. Files
// named lobby or simulation in the folder have precedence over those of the SDK.
func besideSDK(own *clientjs.Folder, page, embedded http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", page)
	for _, file := range clientjs.SDK() {
		if strings.HasPrefix(file, "/tactus.") {
			mux.Handle(file, embedded)
			continue
		}
		mux.HandleFunc(file, func(w http.ResponseWriter, r *http.Request) {
			if own.Has(file) {
				page.ServeHTTP(w, r)
				return
			}
			embedded.ServeHTTP(w, r)
		})
	}
	return mux
}

// pagePolicy allows the arena page to load its own files, to compile its rules, and to
// connect to game servers on any host. The directive of frameAncestors follows it.
const pagePolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; " +
	"manifest-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "

// frameAncestors returns the directive frame-ancestors of a Content-Security-Policy.
func frameAncestors(sites []string) (string, error) {
	if len(sites) == 0 {
		return "frame-ancestors 'none'", nil
	}
	list := make([]string, 0, len(sites))
	for _, site := range sites {
		switch site = strings.TrimSuffix(strings.TrimSpace(site), "/"); strings.Trim(site, "'") {
		case "self":
			list = append(list, "'self'")
		case "*":
			list = append(list, "*")
		default:
			source, err := origin.Source(site)
			if err != nil {
				return "", fmt.Errorf("--frame-ancestors: %w", err)
			}
			list = append(list, source)
		}
	}
	return "frame-ancestors " + strings.Join(list, " "), nil
}

func withHeaders(h http.Handler, headers map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		h.ServeHTTP(w, r)
	})
}

// mount serves a handler under a clean base path and at the root, for proxies that keep
// the path and for proxies that remove it.
func mount(base string, h http.Handler) http.Handler {
	if base == "" {
		return h
	}
	under := http.StripPrefix(base, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == base: // relative URLs of the page need the slash
			to := url.URL{Path: base + "/", RawQuery: r.URL.RawQuery} // an invitation's code is in the query
			http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, base+"/"):
			under.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// baseOf returns the base path in a play URL: the part before /play.
func baseOf(playURL string) string {
	u, err := url.Parse(playURL)
	if err != nil {
		return ""
	}
	base, ok := strings.CutSuffix(u.Path, protocol.Path)
	if !ok {
		return ""
	}
	return base
}

// open returns the page and the path that it is mounted under.
func (f *pageFlags) open() (page http.Handler, base string, err error) {
	if page, err = f.handler(); err != nil {
		return nil, "", err
	}
	base, err = cleanBase(f.base)
	return page, base, err
}

// cleanBase returns a base path with a slash at its start and none at its end; empty for
// none.
func cleanBase(base string) (string, error) {
	trimmed := strings.Trim(base, "/")
	if trimmed == "" {
		return "", nil
	}
	clean := "/" + trimmed
	if u, err := url.Parse(clean); err != nil || u.Path != clean || path.Clean(clean) != clean || strings.ContainsAny(clean, "{} \\") {
		return "", fmt.Errorf("--base-path %q: want a path such as /game", base)
	}
	return clean, nil
}
