package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tactus/matchmaker/matchfunc"
)

// Event is a line of a recording.
type Event struct {
	At     time.Time
	Ticket string
	Group  *matchfunc.Group // of a search that began; nil: one ended
	Reason string           // of an end
}

// File is the content of a recording.
type File struct {
	Header Header
	Events []Event // in the order of the file
	// Torn means that the last line is broken, as after a crash. It is left out.
	Torn bool
}

// Read reads a recording. The error names each broken line by file and number. The last
// line may be broken.
func Read(name string, r io.Reader) (*File, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	f := &File{}
	var found mistakes
	var last error // of the line before: a mistake if another line follows
	number := 0
	for lines.Scan() {
		number++
		if number == 1 {
			if err := f.readHeader(lines.Bytes()); err != nil {
				return nil, fmt.Errorf("%s:1: %w", name, err)
			}
			continue
		}
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		found.add(last)
		if last = f.readEvent(lines.Bytes()); last != nil {
			last = fmt.Errorf("%s:%d: %w", name, number, last)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("the line is longer than %d bytes", maxLine)
		}
		return nil, fmt.Errorf("%s:%d: %w", name, number+1, err)
	}
	if number == 0 {
		return nil, fmt.Errorf("%s: is empty", name)
	}
	f.Torn = last != nil
	if err := found.err(name); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) readHeader(line []byte) error {
	if err := json.Unmarshal(line, &f.Header); err != nil || f.Header.Format == 0 {
		return fmt.Errorf(`not a recording: want a first line like {"format":%d,"queue":"...","rules_version":"..."}`, Format)
	}
	if f.Header.Format != Format {
		return fmt.Errorf("recorded in format %d, known is %d", f.Header.Format, Format)
	}
	return nil
}

func (f *File) readEvent(line []byte) error {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	read := Event{At: time.UnixMilli(e.At).UTC(), Ticket: e.Ticket, Reason: e.Reason}
	if e.Event == eventCreated {
		read.Group = e.group()
	}
	f.Events = append(f.Events, read)
	return nil
}

// maxMistakes bounds how many broken lines one error names.
const maxMistakes = 20

type mistakes struct {
	list []error
	more int
}

func (m *mistakes) add(err error) {
	switch {
	case err == nil:
	case len(m.list) < maxMistakes:
		m.list = append(m.list, err)
	default:
		m.more++
	}
}

func (m *mistakes) err(name string) error {
	if m.more > 0 {
		m.list = append(m.list, fmt.Errorf("%s: %d more broken lines", name, m.more))
	}
	return errors.Join(m.list...)
}
