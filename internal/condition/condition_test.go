package condition_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tactus/internal/condition"
)

// result has a figure that is always measured and one that may be missing.
type result struct {
	errors int
	gap    *float64
}

var language = condition.Language[*result]{
	Kind: "threshold", Noun: "metric", Example: "gap<50",
	Figures: []condition.Figure[*result]{
		{Name: "errors", Value: func(r *result) (float64, bool) { return float64(r.errors), true }},
		{
			Name: "gap",
			Value: func(r *result) (float64, bool) {
				if r.gap == nil {
					return 0, false
				}
				return *r.gap, true
			},
			ParseLimit: func(text string) (float64, error) {
				if text != "fifty" {
					return 0, errors.New("not fifty")
				}
				return 50, nil
			},
		},
	},
}

func TestCondition_comparesFigureWithLimit(t *testing.T) {
	r := &result{errors: 3}
	for text, want := range map[string]bool{
		"errors<4": true, "errors<3": false, "errors<=3": true, "errors<=2": false, "errors>2": true,
		"errors>3": false, "errors>=3": true, "errors>=3.5": false, "errors==3": true, "errors == 4": false,
	} {
		c, err := language.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if value, measured, holds := c.Check(r); value != 3 || !measured || holds != want {
			t.Errorf("%s: %v, measured %v, holds %v; want %v", text, value, measured, holds, want)
		}
		if c.String() != text || c.Name() != "errors" {
			t.Errorf("%q is named %q, of %q", text, c, c.Name())
		}
	}
}

func TestCondition_failsWhenFigureWasNotMeasured(t *testing.T) {
	c, err := language.Parse("gap>=fifty")
	if err != nil {
		t.Fatal(err)
	}
	if _, measured, holds := c.Check(&result{}); measured || holds {
		t.Errorf("without a gap: measured %v, holds %v", measured, holds)
	}
	gap := 50.0
	if value, measured, holds := c.Check(&result{gap: &gap}); value != 50 || !measured || !holds {
		t.Errorf("a gap of 50: %v, measured %v, holds %v", value, measured, holds)
	}
}

func TestLanguage_namesEveryMistake(t *testing.T) {
	list, err := language.ParseAll([]string{"errors", "errors<x", "gap<50", "nothing==1", "errors<1"})
	if err == nil || list != nil {
		t.Fatalf("got %v, %v; want an error", list, err)
	}
	for _, want := range []string{
		`threshold "errors" is not of the form METRIC OPERATOR LIMIT, like "gap<50"`,
		`threshold "errors<x": "x" is not a number`,
		`threshold "gap<50": not fifty`,
		`threshold "nothing==1": no metric "nothing"; known are errors, gap`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestLanguage_keepsOrderOfConditions(t *testing.T) {
	texts := []string{"errors<5", "gap==fifty", "errors>0"}
	list, err := language.ParseAll(texts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, fmt.Sprint(c))
	}
	if !slices.Equal(got, texts) {
		t.Errorf("got %v, want %v", got, texts)
	}
}
