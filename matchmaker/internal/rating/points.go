package rating

// Players see points: 1500 at the initial mu of 25, and 60 for each unit of mu. A
// beginner has 1500 points with an uncertainty of 500, and 0 on the leaderboard.
const (
	PointsPerMu = 60
	basePoints  = 1500
	baseMu      = 25
)

// Points is the estimated skill in points.
func (s Skill) Points() float64 { return ToPoints(s.Mu) }

// Uncertainty is one standard deviation, in points.
func (s Skill) Uncertainty() float64 { return s.Sigma * PointsPerMu }

// ToPoints converts a mu.
func ToPoints(mu float64) float64 { return basePoints + (mu-baseMu)*PointsPerMu }
