#!/usr/bin/env bash
# Finds a match with nothing but curl, by Connect's JSON (https://connectrpc.com/docs/protocol).
#
#   curl-matchmaker.sh queues                                  # what there is to play, and how long it takes
#   curl-matchmaker.sh search '{"game":"arena","mode":"ffa"}'  # opens a ticket and watches it to its end
#   curl-matchmaker.sh cancel TICKET                           # ends a search
#
# URL is the matchmaker's public port. Prints one JSON object per line; the last
# one of a search holds the assignment. A refusal is printed too, with its
# reason in "details", and the exit code is 22, as curl has it.
set -euo pipefail

service=${URL:-http://127.0.0.1:8080}/tactus.matchmaker.v1.MatchmakerService

# call METHOD REQUEST: one request, one answer.
call() {
	curl -sS --fail-with-body --max-time 10 "$service/$1" -H 'Content-Type: application/json' -d "$2"
	echo
}

# watch TICKET: a streamed answer. Each message is five bytes (flags, and the
# length as a big-endian number) and then the JSON. Flag 2 marks the end of the
# stream, with the error if there is one.
watch() {
	local request="{\"ticketId\":\"$1\"}"
	{
		printf '\0\0\0\0'
		printf "\\x$(printf %02x ${#request})"
		printf %s "$request"
	} | curl -sSN "$service/WatchTicket" -H 'Content-Type: application/connect+json' --data-binary @- | messages
}

messages() {
	local head message
	while head=$(take 5 | od -An -v -tu1) && [ -n "$head" ]; do
		# shellcheck disable=SC2086 # five numbers are five arguments
		set -- $head
		message=$(take $((($2 << 24) + ($3 << 16) + ($4 << 8) + $5)))
		if [ "$1" = 2 ]; then
			[ "$message" = "{}" ] && return
			echo "$message" >&2
			return 22
		fi
		echo "$message"
	done
}

# take N: exactly N bytes of the input, not one more.
take() { dd bs=1 count="$1" 2>/dev/null; }

# ticket_of ANSWER: its ticketId. A JSON tool such as jq does this better.
ticket_of() { sed -n 's/.*"ticketId": *"\([^"]*\)".*/\1/p' <<<"$1"; }

case "${1:-}" in
queues) call ListQueues '{}' ;;
search)
	created=$(call CreateTicket "${2:-{\}}") || {
		echo "$created" >&2
		exit 22
	}
	echo "$created"
	watch "$(ticket_of "$created")"
	;;
cancel) call CancelTicket "{\"ticketId\":\"${2:?which ticket?}\"}" ;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
