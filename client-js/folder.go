package clientjs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Folder serves a developer's own page from a folder. Hidden files, lists of
// files, and links that lead out of the folder are not found.
type Folder struct {
	dir string
	// live is for one who edits the files: nothing is kept or compressed.
	live bool

	mu    sync.Mutex
	kept  map[string]*keptFile
	bytes int
}

// keptFile is a text file in memory with its compressed variants, until the file
// changes.
type keptFile struct {
	*file
	info fs.FileInfo
}

const (
	// mostKept bounds one file that is compressed, and keptBytes all of them.
	mostKept  = 8 << 20
	keptBytes = 128 << 20
	// leastCompressed is where compression begins to save something.
	leastCompressed = 512
)

// OpenFolder checks that the folder has a page in it.
func OpenFolder(dir string, live bool) (*Folder, error) {
	f := &Folder{dir: dir, live: live, kept: make(map[string]*keptFile)}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	if info, err := root.Stat("index.html"); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no index.html there", dir)
	}
	return f, nil
}

// Has reports whether the folder has a file that is served at a path.
func (f *Folder) Has(urlPath string) bool {
	name, ok := nameOf(urlPath)
	if !ok {
		return false
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// nameOf is the file of a path: index.html for a folder. Hidden files have none,
// but for those in /.well-known/, which is made to be asked for (RFC 8615).
func nameOf(urlPath string) (string, bool) {
	name := strings.TrimPrefix(urlPath, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\:") {
		return "", false
	}
	visible := strings.TrimPrefix(name, ".well-known/")
	for part := range strings.SplitSeq(visible, "/") {
		if strings.HasPrefix(part, ".") {
			return "", false
		}
	}
	return name, true
}

func (f *Folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuseMethod(w)
		return
	}
	name, ok := nameOf(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	// Opened anew, so that the folder may be replaced by another one, or be a link
	// that is.
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	switch {
	case err == nil && info.IsDir() && isPage(root, name):
		redirectToFolder(w, r)
	case err != nil || !info.Mode().IsRegular():
		http.NotFound(w, r)
	default:
		f.serveFile(w, r, root, name)
	}
}

func isPage(root *os.Root, folder string) bool {
	info, err := root.Stat(folder + "/index.html")
	return err == nil && info.Mode().IsRegular()
}

// redirectToFolder adds the slash that a page's relative URLs need. It is
// relative, too, since a proxy may have taken a prefix off.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	to := "./" + path.Base(r.URL.EscapedPath()) + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (f *Folder) serveFile(w http.ResponseWriter, r *http.Request, root *os.Root, name string) {
	opened, err := root.Open(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer func() { _ = opened.Close() }()
	info, err := opened.Stat()
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if !f.live && compressible[path.Ext(name)] && info.Size() <= mostKept {
		if kept, err := f.keep(root, name, opened, info); err == nil {
			kept.serve(w, r)
			return
		}
		http.Error(w, "the file can't be read", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", typeOf(name))
	h.Set("X-Content-Type-Options", "nosniff")
	share(h, name)
	if f.live {
		h.Set("Cache-Control", "no-store")
	} else {
		h.Set("Cache-Control", cacheControl(name))
		h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano()))
	}
	// Ranges are for sound and video, which are not compressed.
	http.ServeContent(w, r, "", modified(info), opened)
}

// modified is when a file changed; archives that forget it say 1970 or earlier,
// which means nothing.
func modified(info fs.FileInfo) time.Time {
	if t := info.ModTime(); t.Unix() > 0 {
		return t
	}
	return time.Time{}
}

// keep returns the file from memory, read again when it has changed.
func (f *Folder) keep(root *os.Root, name string, opened *os.File, info fs.FileInfo) (*file, error) {
	f.mu.Lock()
	kept := f.kept[name]
	f.mu.Unlock()
	if kept != nil && os.SameFile(kept.info, info) && kept.info.ModTime().Equal(info.ModTime()) && kept.info.Size() == info.Size() {
		return kept.file, nil
	}
	plain, err := io.ReadAll(io.LimitReader(opened, mostKept+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > mostKept {
		return nil, errors.New("the file has grown meanwhile")
	}
	read := newFile(name, plain, compressedVariant(root, name+".br", info), compressedVariant(root, name+".gz", info))
	if read.gzip == nil && len(plain) >= leastCompressed {
		read.gzip = squeeze(plain)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes+read.size() > keptBytes {
		clear(f.kept)
		f.bytes = 0
	}
	if old := f.kept[name]; old != nil {
		f.bytes -= old.size()
	}
	f.bytes += read.size()
	f.kept[name] = &keptFile{read, info}
	return read, nil
}

func (f *file) size() int { return len(f.plain) + len(f.brotli) + len(f.gzip) }

// compressedVariant reads a compressed variant that is as new as its file.
func compressedVariant(root *os.Root, name string, of fs.FileInfo) []byte {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostKept || info.ModTime().Before(of.ModTime()) {
		return nil
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return nil
	}
	return data
}

// squeeze returns nil where nothing is saved.
func squeeze(plain []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(plain); err != nil || w.Close() != nil || out.Len() >= len(plain) {
		return nil
	}
	return out.Bytes()
}

// hashed matches names that build tools give files whose content never changes:
// eight or more hexadecimal digits behind a point or a hyphen.
var hashed = regexp.MustCompile(`[.-]([0-9a-f]{8,64})\.\w+$`)

// cacheControl is what browsers may do with a file of a developer's own. A date
// or a word is no hash: it has both digits and letters.
func cacheControl(name string) string {
	m := hashed.FindStringSubmatch(path.Base(name))
	if m != nil && strings.ContainsAny(m[1], "0123456789") && strings.ContainsAny(m[1], "abcdef") {
		return immutable
	}
	return revalidate
}
