package credential

// Remembered counts the addresses, the names and the waiting attempts that the
// throttle knows.
func (b *Book) Remembered() (addresses, names, waiters int) {
	b.throttle.mu.Lock()
	defer b.throttle.mu.Unlock()
	w := b.throttle.waiting
	return len(b.throttle.addresses), len(b.throttle.targets), len(w.young) + len(w.old)
}
