// Package clientjs carries the browser side inside the binary: the TypeScript
// SDK as a script, a module and its types, the arena page, and the arena's rules
// in WebAssembly. `make client` builds what is embedded.
package clientjs

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist
var embedded embed.FS

// hashedName matches files whose name changes with their content.
var hashedName = regexp.MustCompile(`^(.+)\.[0-9a-f]{12}(\.\w+)$`)

// contentTypes by extension; the system's own table may lack or bend them.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".ts":   "text/plain; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".ico":  "image/x-icon",
	".wasm": "application/wasm",
	".map":  "application/json",
	".txt":  "text/plain; charset=utf-8",
	".xml":  "application/xml",

	".webmanifest": "application/manifest+json",
}

// compressible are extensions of what is worth compressing.
var compressible = map[string]bool{
	".html": true, ".css": true, ".js": true, ".mjs": true, ".ts": true, ".json": true, ".svg": true, ".wasm": true,
	".map": true, ".txt": true, ".xml": true, ".webmanifest": true,
}

// SDK lists the paths of the SDK's files.
func SDK() []string {
	var paths []string
	for _, name := range []string{"tactus", "lobby", "simulation"} {
		for _, ext := range []string{".js", ".mjs", ".d.ts"} {
			paths = append(paths, "/"+name+ext)
		}
	}
	return paths
}

// share lets pages of other origins load the SDK and the rules of games, also
// those that are isolated from other origins.
func share(h http.Header, name string) {
	if path.Ext(name) == ".wasm" || slices.Contains(SDK(), "/"+name) {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
}

// file is one path's answer: its bytes and their compressed variants.
type file struct {
	plain, brotli, gzip []byte
	name, contentType   string
	cacheControl        string
	etag                string // without the quotes, and without the encoding
}

// Handler serves the page and the SDK from memory: compressed where the browser
// takes it, revalidated by ETag, and cached for good where the name carries a
// hash. A file with a hash in its name can also be asked for without it. Where
// nothing was built every path answers 503 with what to do.
func Handler() http.Handler {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return notBuilt{}
	}
	return newHandler(dist)
}

func newHandler(dist fs.FS) http.Handler {
	files := map[string]*file{}
	entries, err := fs.ReadDir(dist, ".")
	if err != nil {
		return notBuilt{}
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || isCompressed(name) {
			continue
		}
		f := readFile(dist, name)
		files["/"+name] = f
		if m := hashedName.FindStringSubmatch(name); m != nil {
			f.cacheControl = immutable
			alias := *f
			alias.cacheControl = revalidate
			files["/"+m[1]+m[2]] = &alias
		}
	}
	if index, ok := files["/index.html"]; ok {
		files["/"] = index
	}
	if len(files) == 0 {
		return notBuilt{}
	}
	return static(files)
}

// revalidate lets browsers keep a file, but ask each time whether it changed.
const revalidate = "no-cache"

// immutable is for names that change with the content.
const immutable = "public, max-age=31536000, immutable"

func isCompressed(name string) bool {
	return strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz")
}

func readFile(dist fs.FS, name string) *file {
	read := func(name string) []byte {
		b, err := fs.ReadFile(dist, name)
		if err != nil {
			return nil // the variant was not smaller
		}
		return b
	}
	f := newFile(name, read(name), read(name+".br"), read(name+".gz"))
	f.cacheControl = revalidate
	return f
}

func newFile(name string, plain, brotli, gzip []byte) *file {
	sum := sha256.Sum256(plain)
	return &file{
		name: name, plain: plain, brotli: brotli, gzip: gzip,
		contentType: typeOf(name), cacheControl: cacheControl(name), etag: hex.EncodeToString(sum[:8]),
	}
}

// typeOf is the media type of a file by its name.
func typeOf(name string) string {
	ext := strings.ToLower(path.Ext(name))
	return cmp.Or(contentTypes[ext], mime.TypeByExtension(ext), "application/octet-stream")
}

// static answers from memory, by path.
type static map[string]*file

func (s static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuseMethod(w)
		return
	}
	f, ok := s[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r)
}

func refuseMethod(w http.ResponseWriter) {
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "only GET and HEAD here", http.StatusMethodNotAllowed)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	body, encoding := f.encoded(r.Header.Get("Accept-Encoding"))
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("X-Content-Type-Options", "nosniff")
	share(h, f.name)
	if f.brotli != nil || f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	etag := `"` + f.etag + `"`
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
		etag = `"` + f.etag + "-" + encoding + `"`
	}
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a browser that went away needs no answer
	}
}

// encoded picks the smallest form that the browser takes (RFC 9110, 12.5.3).
func (f *file) encoded(accept string) (body []byte, encoding string) {
	if f.brotli != nil && accepts(accept, "br") {
		return f.brotli, "br"
	}
	if f.gzip != nil && accepts(accept, "gzip") {
		return f.gzip, "gzip"
	}
	return f.plain, ""
}

// accepts reports whether a coding is named with a weight above zero.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
		if !found {
			return true
		}
		q, err := strconv.ParseFloat(weight, 64)
		return err == nil && q > 0
	}
	return false
}

// matches compares weakly, as If-None-Match wants (RFC 9110, 13.1.2).
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}

// notBuilt answers for a binary that was built without the browser side.
type notBuilt struct{}

func (notBuilt) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "This binary was built without the page. Run `make client`, then build it again.", http.StatusServiceUnavailable)
}
