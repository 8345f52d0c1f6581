//go:build linux

package main

import (
	"math/rand/v2"
	"slices"
)

// abInterval is a median with its 95 % interval.
type abInterval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func (i abInterval) halfWidth() float64 { return (i.High - i.Low) / 2 }

// bootstrap returns the median of values with a 95 % interval: the percentiles of the
// medians of resampled values. The same values give the same interval.
func bootstrap(values []float64) abInterval {
	if len(values) == 0 {
		return abInterval{}
	}
	random := rand.New(rand.NewPCG(1, 2))
	medians, sample := make([]float64, resamples), make([]float64, len(values))
	for i := range medians {
		for j := range sample {
			sample[j] = values[random.IntN(len(values))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	const tail = resamples / 40
	return abInterval{Median: median(values), Low: medians[tail], High: medians[resamples-1-tail]}
}
