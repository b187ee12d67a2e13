package pixiv

// Seen by the external tests only.
var (
	ClientHash = clientHash
	Challenge  = challenge
	LoginWith  = loginWith
	Clean      = clean
	LimitWait  = limitWait
)

const (
	ClientTimeLayout = clientTimeLayout
	MaxPages         = maxPages
	MaxAnswer        = maxAnswer
)
