package pixivocmock

//go:generate go run github.com/vektra/mockery/v3@v3.7.4 --config mockery.yml
