package jsonbody

import "strings"

// nearest is the known name that a name is most like: one that it contains or
// that contains it, else one that is a few letters away. It is empty when there
// is none.
func nearest(name string, known []string) string {
	given := plain(name)
	if given == "" || len(given) > 64 {
		return ""
	}
	best, least := "", len(given)/3+1
	for _, candidate := range known {
		if d := distance(given, plain(candidate)); d < least {
			best, least = candidate, d
		}
	}
	if best != "" {
		return best
	}
	for _, candidate := range known {
		c := plain(candidate)
		if (strings.Contains(given, c) || strings.Contains(c, given)) && len(c) > len(plain(best)) {
			best = candidate
		}
	}
	return best
}

// plain is a name without what people mix up: case and separators.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			row[j+1] = diagonal
			if a[i] != b[j] {
				row[j+1] = 1 + min(diagonal, row[j], above)
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
