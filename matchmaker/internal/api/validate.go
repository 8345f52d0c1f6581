package api

import (
	"fmt"
	"time"
	"unicode/utf8"

	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Limits of one request.
const (
	maxShortString = 64
	maxAttributes  = 16
	maxValues      = 16
	maxRegions     = 64
	maxLatency     = 10 * time.Second
)

// checkRequest rejects what no queue could use.
func checkRequest(req *matchmakerv1.CreateTicketRequest) error {
	err := checkStrings("game", req.GetGame(), "mode", req.GetMode(), "version", req.GetVersion(),
		"match_id", req.GetMatchId(), "queue", req.GetQueue(), "party", req.GetParty(), "request_id", req.GetRequestId(), "protocol", req.GetProtocol())
	if err != nil {
		return err
	}
	if err := checkCode("room_code", req.GetRoomCode()); err != nil {
		return err
	}
	if n := len(req.GetAttributes()); n > maxAttributes {
		return failure.Newf(failure.BadAttribute, "%d attributes, at most %d", n, maxAttributes).Field("attributes", "at most 16")
	}
	for name, values := range req.GetAttributes() {
		if name == "" || len(name) > maxShortString || len(values.GetValues()) > maxValues {
			return failure.Newf(failure.BadAttribute, "attribute %.16q has %d values, at most %d, and names have 1 to %d bytes",
				name, len(values.GetValues()), maxValues, maxShortString).Field("attributes", "short names, at most 16 values")
		}
		for _, v := range values.GetValues() {
			if len(v) > maxShortString {
				return failure.Newf(failure.BadAttribute, "a value of attribute %.16q has %d bytes, at most %d", name, len(v), maxShortString).
					Field("attributes", "values of at most 64 bytes")
			}
		}
	}
	if n := len(req.GetLatencyMs()); n > maxRegions {
		return failure.Newf(failure.BadLatency, "latencies to %d regions, at most %d", n, maxRegions).Field("latency_ms", "at most 64")
	}
	for region, ms := range req.GetLatencyMs() {
		if region == "" || len(region) > maxShortString || time.Duration(ms)*time.Millisecond > maxLatency {
			return failure.Newf(failure.BadLatency, "latency to region %.16q is %d ms, at most %d", region, ms, maxLatency.Milliseconds()).
				Field("latency_ms", "0 to 10000")
		}
	}
	return nil
}

// checkStrings bounds fields, given as name and value in turn.
func checkStrings(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := checkString(pairs[i], pairs[i+1], maxShortString); err != nil {
			return err
		}
	}
	return nil
}

// checkCode bounds a typed code, which may be part of a link.
func checkCode(field, typed string) error { return checkString(field, typed, code.MaxTyped) }

func checkString(field, v string, most int) error {
	if len(v) <= most && utf8.ValidString(v) {
		return nil
	}
	return failure.Newf(failure.BadField, "%s %.16q has %d bytes, at most %d of UTF-8", field, v, len(v), most).
		Field(field, fmt.Sprintf("at most %d bytes", most))
}

func attributes(sent map[string]*matchmakerv1.Values) map[string][]string {
	if len(sent) == 0 {
		return nil
	}
	m := make(map[string][]string, len(sent))
	for name, values := range sent {
		m[name] = values.GetValues()
	}
	return m
}

func latencies(sent map[string]uint32) map[string]time.Duration {
	if len(sent) == 0 {
		return nil
	}
	m := make(map[string]time.Duration, len(sent))
	for region, ms := range sent {
		m[region] = time.Duration(ms) * time.Millisecond
	}
	return m
}
