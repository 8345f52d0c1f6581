// Package jsonbody checks a JSON document against the Protobuf message that it holds, and
// reports what is wrong and where. The errors of protojson have texts that are unstable
// on purpose, and it ignores unknown names.
package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	// maxDepth bounds the nesting of objects and arrays. The messages of the matchmaker
	// need six.
	maxDepth = 32
	// maxUnknown bounds the unknown names that are listed.
	maxUnknown = 8
)

// Unknown is a name in a document that its message does not have: of a field, or of an
// enumeration's value. A path names known fields as the .proto does, and the unknown one
// as the document does.
type Unknown struct {
	Path    string   // "players[0].playerID"
	Of      string   // the message or enumeration
	Value   bool     // of an enumeration
	Nearest string   // the most similar known name, as in JSON; empty: none is similar
	Known   []string // all known names
}

// MalformedError is the error for a document that is no JSON object.
type MalformedError struct {
	Path string // of the field in which the error is; empty: outside of any
	Text string
}

func (e *MalformedError) Error() string { return e.Text }

// FieldError is the error for a field with a value that it can't have.
type FieldError struct {
	Path string
	Want string // "a whole number from 0 to 4294967295"
	Got  string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s is %s, it must be %s", e.Path, e.Got, e.Want)
}

// Check reads a document and lists the names that the message does not have, at most
// eight, in the order of the document. The error is a [*MalformedError] or a
// [*FieldError]. Without an error, protojson accepts the document when it discards
// unknown names.
func Check(document []byte, message protoreflect.MessageDescriptor) ([]Unknown, error) {
	w := &walk{decoder: json.NewDecoder(bytes.NewReader(document))}
	w.decoder.UseNumber()
	if err := w.document(message); err != nil {
		return w.unknown, err
	}
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(document, dynamicpb.NewMessage(message))
	if err != nil {
		return w.unknown, &MalformedError{Text: "the request can't be read: " + err.Error()}
	}
	return w.unknown, nil
}

// walk is one pass over a document.
type walk struct {
	decoder *json.Decoder
	path    string // of what is being read
	depth   int
	unknown []Unknown
}

func (w *walk) document(message protoreflect.MessageDescriptor) error {
	token, err := w.next()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return &MalformedError{Text: "the request must be a JSON object, such as {}"}
	}
	if err := w.message(message, ""); err != nil {
		return err
	}
	if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) {
		return &MalformedError{Text: fmt.Sprintf("there is more behind the JSON object, which ends at byte %d", w.decoder.InputOffset())}
	}
	return nil
}

// next returns the next token. Its errors are of type [*MalformedError].
func (w *walk) next() (json.Token, error) {
	token, err := w.decoder.Token()
	if err == nil {
		return token, nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		err = fmt.Errorf("the request is not JSON: %w (at byte %d)", syntax, syntax.Offset)
	case errors.Is(err, io.EOF) && w.decoder.InputOffset() == 0:
		err = errors.New("the request is empty; it must be a JSON object, such as {}")
	default:
		err = fmt.Errorf("the request is not JSON: it ends too soon, after byte %d", w.decoder.InputOffset())
	}
	return nil, &MalformedError{Path: w.path, Text: err.Error()}
}

// enter is called after an opening bracket, and leave after the closing one.
func (w *walk) enter() error {
	if w.depth++; w.depth > maxDepth {
		return &MalformedError{Path: w.path, Text: fmt.Sprintf("the request is nested deeper than %d levels", maxDepth)}
	}
	return nil
}

func (w *walk) leave() error {
	w.depth--
	_, err := w.next()
	return err
}

// message reads the rest of an object, after its opening bracket.
func (w *walk) message(message protoreflect.MessageDescriptor, path string) error {
	if err := w.enter(); err != nil {
		return err
	}
	for w.decoder.More() {
		key, err := w.next()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		field := fieldOf(message, name)
		if field == nil {
			w.path = join(path, name)
			w.note(name, Unknown{Path: w.path, Of: string(message.Name()), Known: fieldNames(message)})
			err = w.skip()
		} else {
			w.path = join(path, string(field.Name()))
			err = w.field(field, w.path)
		}
		if err != nil {
			return err
		}
	}
	w.path = path
	return w.leave()
}

// fieldOf finds a field by both of its names, as protojson does.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

func fieldNames(message protoreflect.MessageDescriptor) []string {
	names := make([]string, message.Fields().Len())
	for i := range names {
		names[i] = message.Fields().Get(i).JSONName()
	}
	return names
}

func (w *walk) note(name string, u Unknown) {
	if len(w.unknown) < maxUnknown {
		u.Nearest = nearest(name, u.Known)
		w.unknown = append(w.unknown, u)
	}
}

// field reads the value of a field; null omits it.
func (w *walk) field(field protoreflect.FieldDescriptor, path string) error {
	token, err := w.next()
	switch {
	case err != nil || token == nil:
		return err
	case field.IsMap():
		return w.entries(field, token, path)
	case field.IsList():
		return w.elements(field, token, path)
	}
	return w.value(field, token, path)
}

func (w *walk) entries(field protoreflect.FieldDescriptor, token json.Token, path string) error {
	if token != json.Delim('{') {
		return &FieldError{Path: path, Want: "an object", Got: describe(token)}
	}
	if err := w.enter(); err != nil {
		return err
	}
	for w.decoder.More() {
		key, err := w.next()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		w.path = fmt.Sprintf("%s[%s]", path, name)
		if want, ok := fits(field.MapKey().Kind(), name); !ok {
			return &FieldError{Path: w.path, Want: want, Got: "named " + quote(name)}
		}
		if err := w.one(field.MapValue(), w.path); err != nil {
			return err
		}
	}
	return w.leave()
}

func (w *walk) elements(field protoreflect.FieldDescriptor, token json.Token, path string) error {
	if token != json.Delim('[') {
		return &FieldError{Path: path, Want: "an array", Got: describe(token)}
	}
	if err := w.enter(); err != nil {
		return err
	}
	for n := 0; w.decoder.More(); n++ {
		w.path = fmt.Sprintf("%s[%d]", path, n)
		if err := w.one(field, w.path); err != nil {
			return err
		}
	}
	return w.leave()
}

// one reads one of several values, where null has no meaning.
func (w *walk) one(field protoreflect.FieldDescriptor, path string) error {
	token, err := w.next()
	if err != nil {
		return err
	}
	return w.value(field, token, path)
}

func (w *walk) value(field protoreflect.FieldDescriptor, token json.Token, path string) error {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return w.object(field.Message(), token, path)
	case protoreflect.EnumKind:
		return w.enum(field.Enum(), token, path)
	default:
		if want, ok := fits(field.Kind(), token); !ok {
			return &FieldError{Path: path, Want: want, Got: describe(token)}
		}
		return nil
	}
}

func (w *walk) object(message protoreflect.MessageDescriptor, token json.Token, path string) error {
	if message.ParentFile().Package() == "google.protobuf" { // its special form is checked by protojson
		return w.rest(token)
	}
	if token != json.Delim('{') {
		return &FieldError{Path: path, Want: "an object", Got: describe(token)}
	}
	return w.message(message, path)
}

func (w *walk) enum(enum protoreflect.EnumDescriptor, token json.Token, path string) error {
	name, named := token.(string)
	switch {
	case !named:
		if want, ok := fits(protoreflect.EnumKind, token); !ok {
			return &FieldError{Path: path, Want: want, Got: describe(token)}
		}
	case enum.Values().ByName(protoreflect.Name(name)) == nil:
		known := make([]string, enum.Values().Len())
		for i := range known {
			known[i] = string(enum.Values().Get(i).Name())
		}
		w.note(name, Unknown{Path: path + "=" + name, Of: string(enum.Name()), Value: true, Known: known})
	}
	return nil
}

// skip skips a value.
func (w *walk) skip() error {
	token, err := w.next()
	if err != nil {
		return err
	}
	return w.rest(token)
}

// rest skips the rest of a value after its first token.
func (w *walk) rest(token json.Token) error {
	outside := w.depth
	for {
		delim, _ := token.(json.Delim)
		switch delim {
		case '{', '[':
			if err := w.enter(); err != nil {
				return err
			}
		case '}', ']':
			w.depth--
		}
		if w.depth == outside {
			return nil
		}
		var err error
		if token, err = w.next(); err != nil {
			return err
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
