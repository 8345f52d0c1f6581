package tactuscmd

import (
	"net/http"

	"go.uber.org/zap"

	"tactus/internal/httplog"
)

// withErrorLog makes a server write its errors to the process's log.
func withErrorLog(s *http.Server, log *zap.Logger, port string) *http.Server {
	s.ErrorLog = httplog.New(log, port)
	return s
}
