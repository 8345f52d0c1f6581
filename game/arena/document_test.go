package arena

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"tactus/game"
)

// The page that client writers read names every mode, table, event and field
// that a client gets to see, and says the numbers that the rules go by.
func TestDocument_isComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/arena.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.Join(strings.Fields(string(text)), " ") // a line may break anywhere
	has := func(what string) {
		t.Helper()
		if !strings.Contains(doc, what) {
			t.Errorf("docs/arena.md does not say %q", what)
		}
	}
	for _, m := range Game.Info().Modes {
		has("`" + m.Name + "`")
		for _, o := range m.Options {
			has("`" + o.Name + "`")
		}
		size := layoutOf(m).size
		has(strconv.Itoa(int(size.X.Int())) + " x " + strconv.Itoa(int(size.Y.Int())))
	}
	_, w := newSim(t, modeFFA, 1)
	for _, table := range w.tables.Tables() {
		hasFields(has, table.Schema(), "**"+table.Schema().Name+"**")
	}
	for _, table := range w.tables.Events() {
		hasFields(has, table.Schema(), "`"+table.Schema().Name+"`")
	}
	for _, f := range input.Schema().Fields {
		has("`" + f.Name + "`")
	}
	number := func(n int32, unit string) { has(strconv.Itoa(int(n)) + " " + unit) }
	number(dashEnergy, "energy")
	number(dashCooldown, "ticks")
	number(pulseDamage, "damage")
	number(pulseInterval, "ticks")
	number(railStart, "energy to begin")
	number(railDrain, "energy a tick")
	number(railCharge, "ticks to full power")
	number(railMinDamage, "to "+strconv.Itoa(railMaxDamage)+" damage")
	number(respawnTicks, "ticks")
	number(protectTicks, "ticks")
	number(pickupTicks, "ticks")
	number(rapidTicks, "ticks")
	number(emoteCooldown, "ticks")
	has("kill " + strconv.Itoa(killPoints) + ", assist " + strconv.Itoa(assistPoints))
	has("skill, " + strconv.Itoa(botSkillMin) + " to " + strconv.Itoa(botSkillMax))
}

func hasFields(has func(string), schema *game.TableSchema, heading string) {
	shown := false
	for i := range schema.Fields {
		if f := &schema.Fields[i]; f.Visible() {
			has("`" + f.Name + "`")
			shown = true
		}
	}
	if shown {
		has(heading)
	}
}
