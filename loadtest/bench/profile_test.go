//go:build linux

package main

import (
	"maps"
	"strings"
	"testing"
)

// script is what perf script prints of a few samples.
const script = `
        ffffffff81c0 tcp_v4_rcv ([kernel.kallsyms])
        ffffffff81b0 __sys_sendto ([kernel.kallsyms])
        ffffffff81a0 do_syscall_64 ([kernel.kallsyms])
              4a10c0 internal/runtime/syscall/linux.Syscall6 (/tactus)
              8a10c0 tactus/internal/ws.(*rawStream).write (/tactus)

        ffffffff81c1 tcp_recvmsg ([kernel.kallsyms])
        ffffffff81b1 __sys_recvfrom ([kernel.kallsyms])
              4a10c0 internal/runtime/syscall/linux.Syscall6 (/tactus)

        ffffffff81c2 ep_poll ([kernel.kallsyms])
        ffffffff81a0 do_syscall_64 ([kernel.kallsyms])
              4a10c1 runtime.netpoll (/tactus)

              4b10c1 runtime.memmove (/tactus)
              8b10c1 tactus/server/internal/replicate.(*Encoder).Encode (/tactus)
              8b10c2 tactus/server/internal/match.(*hand).deliver (/tactus)

              8c10c1 tactus/game/arena.(*world).Step (/tactus)
              8b10c2 tactus/server/internal/match.(*Match).step (/tactus)

              4d10c1 runtime.findRunnable (/tactus)
              4d10c2 runtime.schedule (/tactus)
`

func TestCountSamples_countsByPart(t *testing.T) {
	got, err := countSamples(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		partSend: 1, partReceive: 1, partKernel: 1, partRuntime: 1, "replicate": 1, "rules, state and its hash": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSharesTable_listsLargestPartsFirst(t *testing.T) {
	head, lines := sharesTable([]loadProfile{
		{Load: "a", Parts: map[string]float64{"large": 0.7, "small": 0.29, "tiny": 0.001}},
		{Load: "b", Parts: map[string]float64{"large": 0.5, "small": 0.5}},
	})
	if len(head) != 3 || len(lines) != 2 || lines[0][0] != "large" || lines[1][2] != "50.0 %" {
		t.Errorf("got %v, %v", head, lines)
	}
}
