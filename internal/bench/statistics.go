package bench

import "slices"

// median returns the middle of the values, or the mean of the two in the
// middle. It is 0 without values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// medianOf is the median of what is taken from each element.
func medianOf[T any](elements []T, take func(T) float64) float64 {
	values := make([]float64, 0, len(elements))
	for _, element := range elements {
		values = append(values, take(element))
	}
	return median(values)
}

// spreadOf is the least and the greatest of what is taken from each element.
func spreadOf[T any](elements []T, take func(T) float64) (least, greatest float64) {
	for i, element := range elements {
		value := take(element)
		if i == 0 {
			least, greatest = value, value
		}
		least, greatest = min(least, value), max(greatest, value)
	}
	return least, greatest
}
