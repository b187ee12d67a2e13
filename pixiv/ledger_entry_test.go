package pixiv

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLedgerWork_Fate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		work        ledgerWork
		recordsOnly bool
		fate        Fate
		cause       string
	}{
		"all there":                   {work: ledgerWork{recorded: true, done: 3}, fate: FateSaved},
		"seen and then nothing":       {work: ledgerWork{recorded: true}, fate: FateLost},
		"recorded, no more is wanted": {work: ledgerWork{recorded: true}, recordsOnly: true, fate: FateSaved},
		"filtered":                    {work: ledgerWork{recorded: true, skipped: RulePages}, fate: FateFiltered, cause: RulePages},
		"filtered once, wanted later": {work: ledgerWork{recorded: true, skipped: RuleFilter, done: 1}, fate: FateSaved},
		"some is left":                {work: ledgerWork{recorded: true, done: 1, failed: 1, pending: 1, reason: "deleted"}, fate: FatePending},
		"all pages deleted":           {work: ledgerWork{recorded: true, failed: 2, reason: "deleted"}, fate: FateDeleted},
		"one page deleted":            {work: ledgerWork{recorded: true, done: 1, failed: 1, reason: "deleted"}, fate: FateFailed, cause: "deleted"},
		"two reasons":                 {work: ledgerWork{failed: 2, reason: "deleted", others: true}, fate: FateFailed, cause: "deleted"},
		"masked":                      {work: ledgerWork{failed: 1, reason: "masked"}, fate: FateMasked},
		"forbidden":                   {work: ledgerWork{failed: 1, reason: "forbidden"}, fate: FateForbidden},
		"masked as a whole":           {work: ledgerWork{whole: "masked"}, fate: FateMasked},
		"masked once, then saved":     {work: ledgerWork{recorded: true, whole: "masked", done: 1}, fate: FateSaved},
		"broken once, then some left": {work: ledgerWork{recorded: true, whole: "content", pending: 1}, fate: FatePending},
		"broken":                      {work: ledgerWork{failed: 1, reason: "content"}, fate: FateFailed, cause: "content"},
	} {
		entry := test.work.entry(5, test.recordsOnly)
		assert.Equal(t, test.fate, entry.Fate, name)
		assert.Equal(t, test.cause, entry.Cause, name)
	}
}
