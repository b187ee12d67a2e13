package restapi

import (
	"math"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc"
)

type environmentPatch struct {
	ProxyMode         *int               `json:"proxy_mode"`
	Proxy             *string            `json:"proxy"`
	Hosts             *pixivoc.HostTable `json:"hosts"`
	TimeoutMS         *int64             `json:"timeout_ms"`
	ConcurrencyNumber *int               `json:"concurrency_number"`
	IntervalTimeMS    *int64             `json:"interval_time_ms"`
	Increment         *bool              `json:"increment"`
	BandwidthLimit    *int64             `json:"bandwidth_limit"`
	DailyCap          *int               `json:"daily_cap"`
	QuietHours        *string            `json:"quiet_hours"`
}

func (a *API) getEnvironment(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, a.client.Env())
}

func (a *API) patchEnvironment(w http.ResponseWriter, r *http.Request) error {
	var given environmentPatch
	if err := decode(r, &given); err != nil {
		return err
	}
	patch := pixivoc.EnvPatch{
		Proxy: given.Proxy, Hosts: given.Hosts, ConcurrencyNumber: given.ConcurrencyNumber, Increment: given.Increment,
		BandwidthLimit: given.BandwidthLimit, DailyCap: given.DailyCap, QuietHours: given.QuietHours,
	}
	if given.ProxyMode != nil {
		patch.ProxyMode = new(pixivoc.ProxyMode(*given.ProxyMode))
	}
	var err error
	if patch.Timeout, err = milliseconds("timeout_ms", given.TimeoutMS); err != nil {
		return err
	}
	if patch.IntervalTime, err = milliseconds("interval_time_ms", given.IntervalTimeMS); err != nil {
		return err
	}
	env, err := a.client.UpdateEnv(r.Context(), patch)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, env)
}

// milliseconds turns a number into a duration, unless it would overflow.
func milliseconds(field string, n *int64) (*time.Duration, error) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	switch {
	case n == nil:
		return nil, nil
	case *n < 0 || *n > most:
		return nil, fieldError(field, "is out of bounds")
	}
	return new(time.Duration(*n) * time.Millisecond), nil
}

type typeView struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Title   string   `json:"title"`
	// Files says that tasks of this type save files.
	Files  bool     `json:"files"`
	Stages []string `json:"stages"`
}

func (a *API) listTypes(w http.ResponseWriter, _ *http.Request) error {
	types := []typeView{}
	for _, kind := range a.client.Types() {
		view := typeView{Name: kind.Name, Aliases: kind.Aliases, Title: kind.Title, Files: kind.Files, Stages: []string{}}
		for _, spec := range kind.Stages {
			view.Stages = append(view.Stages, spec.Stage.Name())
		}
		types = append(types, view)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"types": types})
}

func (a *API) listGroups(w http.ResponseWriter, r *http.Request) error {
	groups, err := a.client.Groups(r.Context())
	if err != nil {
		return err
	}
	if groups == nil {
		groups = []pixivoc.Group{}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"groups": groups})
}
