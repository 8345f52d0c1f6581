package tactuscmd

import (
	"fmt"
	"net/http"
)

// revokeGuest refuses the tokens of the guest player, at all replicas.
func (p *adminParts) revokeGuest(w http.ResponseWriter, r *http.Request) {
	player, reason := r.FormValue("player"), r.FormValue("reason")
	p.answerGuest(w, p.matchmaker.RevokeGuest(r.Context(), player, reason))
}

// restoreGuest accepts the guest player again.
func (p *adminParts) restoreGuest(w http.ResponseWriter, r *http.Request) {
	p.answerGuest(w, p.matchmaker.RestoreGuest(r.Context(), r.FormValue("player")))
}

func (p *adminParts) answerGuest(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintln(w, "ok")
}
