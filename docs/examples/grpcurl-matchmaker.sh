#!/usr/bin/env bash
# Finds a match with grpcurl on the internal port, which tells by reflection
# what it serves: no .proto file is needed.
#
#   grpcurl-matchmaker.sh queues                                  # what there is to play, and how long it takes
#   grpcurl-matchmaker.sh search '{"game":"arena","mode":"ffa"}'  # opens a ticket and watches it to its end
#   grpcurl-matchmaker.sh cancel TICKET                           # ends a search
#   grpcurl-matchmaker.sh describe [NAME]                         # services, or what one of them, or a message, looks like
#   grpcurl-matchmaker.sh health                                  # SERVING, or not (any more)
#
# ADDR is the matchmaker's internal port. With mutual TLS set
# GRPCURL_FLAGS="-cacert ca.pem -cert me.pem -key me-key.pem". A refusal's
# reason is in its details; the exit code is then not 0.
set -euo pipefail

addr=${ADDR:-127.0.0.1:8090}
service=tactus.matchmaker.v1.MatchmakerService
read -ra flags <<<"${GRPCURL_FLAGS:--plaintext}"

# call METHOD REQUEST: prints every message of the answer.
call() { grpcurl "${flags[@]}" -d "$2" "$addr" "$1"; }

# ticket_of ANSWER: its ticketId. A JSON tool such as jq does this better.
ticket_of() { sed -n 's/.*"ticketId": *"\([^"]*\)".*/\1/p' <<<"$1"; }

case "${1:-}" in
queues) call $service/ListQueues '{}' ;;
search)
	created=$(call $service/CreateTicket "${2:-{\}}")
	echo "$created"
	call $service/WatchTicket "{\"ticketId\":\"$(ticket_of "$created")\"}"
	;;
cancel) call $service/CancelTicket "{\"ticketId\":\"${2:?which ticket?}\"}" ;;
describe)
	if [ -n "${2:-}" ]; then
		grpcurl "${flags[@]}" "$addr" describe "$2"
	else
		grpcurl "${flags[@]}" "$addr" list
	fi
	;;
health) call grpc.health.v1.Health/Check "{\"service\":\"$service\"}" ;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
