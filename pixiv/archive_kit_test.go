package pixiv_test

import "context"

// Recorded knows what the test put into recorded.
func (r *runtime) Recorded(_ context.Context, kind string, keys ...string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, key := range keys {
		if r.recorded[kind+"/"+key] {
			found[key] = true
		}
	}
	return found, nil
}

// Archived knows what the test put into archived.
func (r *runtime) Archived(_ context.Context, keys ...string) (map[string]bool, error) {
	found := map[string]bool{}
	for _, key := range keys {
		if r.archived[key] {
			found[key] = true
		}
	}
	return found, nil
}
