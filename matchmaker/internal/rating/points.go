package rating

// Players see points: 1500 at the initial mu of 25, and 60 for each unit of
// mu, so that a beginner has 1500 with an uncertainty of 500, and starts the
// leaderboard at 0.
const (
	PointsPerMu = 60
	basePoints  = 1500
	baseMu      = 25
)

// Points is the estimated skill as players see it.
func (s Skill) Points() float64 { return ToPoints(s.Mu) }

// Uncertainty is one standard deviation, in points.
func (s Skill) Uncertainty() float64 { return s.Sigma * PointsPerMu }

// ToPoints converts a mu.
func ToPoints(mu float64) float64 { return basePoints + (mu-baseMu)*PointsPerMu }
