package main

import (
	"bytes"
	"image/color"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// colors distinguish systems, also for most readers with color blindness (Okabe and
// Ito, 2008). A system has the same color in every chart.
var colors = map[string]color.RGBA{
	"floor (C)":     {0x55, 0x55, 0x55, 0xff},
	"Tactus":        {0x00, 0x72, 0xb2, 0xff},
	"Socket.IO 4.8": {0xd5, 0x5e, 0x00, 0xff},
	"Colyseus 0.18": {0x00, 0x9e, 0x73, 0xff},
}

// colorOf returns the color of a system. A second form of a system, "name, form", is
// paler.
func colorOf(system string) color.RGBA {
	name, _, form := strings.Cut(system, ", ")
	c, known := colors[name]
	switch {
	case !known:
		return color.RGBA{0xcc, 0x79, 0xa7, 0xff}
	case form:
		pale := func(v uint8) uint8 { return 0xff - (0xff-v)/2 }
		return color.RGBA{pale(c.R), pale(c.G), pale(c.B), 0xff}
	default:
		return c
	}
}

const (
	width  = 7 * vg.Inch
	height = 4 * vg.Inch
)

func newChart(title, x, y string) *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(8)
	p.Y.Min = 0
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = color.Gray{0xdd}
	p.Add(grid)
	return p
}

// fullDelivery is the share of delivered states from which a server counts as keeping
// up. Costs below that share are not comparable.
const fullDelivery = 0.99

// saveCost draws a line for each system, up to the load at which it falls behind.
func saveCost(r *result, file string) error {
	p := newChart("Server CPU per client and tick as clients grow (W1, one core)", "clients", "microseconds")
	var systems []string
	points := map[string]plotter.XYs{}
	for _, row := range r.Rows {
		if len(row.Runs) == 0 || row.Runs[0].Delivered < fullDelivery {
			continue
		}
		if !slices.Contains(systems, row.System) {
			systems = append(systems, row.System)
		}
		points[row.System] = append(points[row.System], plotter.XY{X: float64(row.Clients), Y: median(row.Runs)})
	}
	for _, system := range systems {
		line, marks, err := plotter.NewLinePoints(points[system])
		if err != nil {
			return err
		}
		line.Color, marks.Color = colorOf(system), colorOf(system)
		line.Width, marks.Shape = vg.Points(1.5), draw.CircleGlyph{}
		p.Add(line, marks)
		p.Legend.Add(system, line, marks)
	}
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	p.X.Min, p.Y.Min = 0, 0
	if len(systems) > 0 {
		p.Y.Max *= 1.1
	}
	return save(p, file)
}

// saveBars draws a bar for each system, with its lowest and highest run.
func saveBars(rows []row, file string) error {
	p := newChart("Server CPU per client and tick (W1: 400 clients)", "", "microseconds")
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = strings.Replace(row.System, ", ", "\n", 1)
		bar, err := plotter.NewBarChart(plotter.Values{median(row.Runs)}, vg.Points(60))
		if err != nil {
			return err
		}
		bar.Color, bar.LineStyle.Width, bar.XMin = colorOf(row.System), 0, float64(i)
		p.Add(bar)
		whisker, err := plotter.NewYErrorBars(spread{x: float64(i), runs: row.Runs})
		if err != nil {
			return err
		}
		p.Add(whisker)
	}
	if len(rows) > 0 {
		p.NominalX(names...)
		p.Y.Max *= 1.1
	}
	p.Y.Min = 0
	return save(p, file)
}

// spread is one point with its lowest and highest run.
type spread struct {
	x    float64
	runs []report
}

// Len, XY and YError implement the interfaces of error bars.
func (s spread) Len() int { return 1 }

// XY returns the median.
func (s spread) XY(int) (x, y float64) { return s.x, median(s.runs) }

// YError returns the distances of the lowest and the highest run from the median.
func (s spread) YError(int) (low, high float64) {
	sorted := costs(s.runs)
	m := median(s.runs)
	return m - sorted[0], sorted[len(sorted)-1] - m
}

// costs returns the costs of the runs in ascending order.
func costs(runs []report) []float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = r.CPU
	}
	slices.Sort(values)
	return values
}

func median(runs []report) float64 {
	sorted := costs(runs)
	switch n := len(sorted); {
	case n == 0:
		return 0
	case n%2 == 0:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	default:
		return sorted[n/2]
	}
}

// save writes the chart as SVG. It adds fonts of about the same widths for viewers that
// lack the library's font.
func save(p *plot.Plot, file string) error {
	canvas := vgsvg.New(width, height)
	p.Draw(draw.New(canvas))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	text := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return os.WriteFile(file, text, 0o644)
}
