package jsonbody

import "strings"

// nearest is the most similar known name: one that contains the name or is contained in
// it, else one that differs in a few letters. Empty: none is similar.
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

// plain is a name without case and separators, which are often confused.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// distance is the Levenshtein distance, in bytes.
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
