package jsonbody

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// fits reports whether a token, or the name of a map's entry, is a value of the kind, and
// describes the values of the kind.
func fits(kind protoreflect.Kind, token json.Token) (want string, ok bool) {
	switch kind {
	case protoreflect.StringKind:
		_, ok = token.(string)
		return "a string", ok
	case protoreflect.BytesKind:
		_, ok = token.(string) // protojson checks base64
		return "a string in base64", ok
	case protoreflect.BoolKind:
		_, ok = token.(bool)
		return "true or false", ok
	case protoreflect.FloatKind:
		return "a number", isFloat(token, 32)
	case protoreflect.DoubleKind:
		return "a number", isFloat(token, 64)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "a whole number from 0 to 4294967295", isWhole(token, 0, math.MaxUint32)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "a whole number from 0 to 18446744073709551615", isWhole(token, 0, math.MaxUint64)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "a whole number of 64 bits", isWhole(token, math.MinInt64, math.MaxInt64)
	default: // enumerations too
		return "a whole number from -2147483648 to 2147483647", isWhole(token, math.MinInt32, math.MaxInt32)
	}
}

// number returns the text of a number, which may be in quotes.
func number(token json.Token) (string, bool) {
	switch v := token.(type) {
	case json.Number:
		return v.String(), true
	case string:
		// The quotes hold a number and nothing else.
		return v, v == strings.TrimSpace(v) && json.Valid([]byte(v))
	}
	return "", false
}

// isWhole accepts 10, "10", 10.0 and 1e1.
func isWhole(token json.Token, low, high float64) bool {
	text, ok := number(token)
	if !ok {
		return false
	}
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == math.Trunc(v) && v >= low && v <= high
}

func isFloat(token json.Token, bits int) bool {
	switch token {
	case "NaN", "Infinity", "-Infinity":
		return true // the range depends on the field
	}
	text, ok := number(token)
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(text, bits)
	return err == nil
}

// describe is a token as an error names it.
func describe(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case json.Delim:
		if v == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return quote(v)
	case json.Number:
		return bounded(v.String())
	}
	return fmt.Sprint(token)
}

func quote(text string) string { return strconv.Quote(bounded(text)) }

func bounded(text string) string {
	const most = 32
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
