// Package pixivocmock has mocks of the interfaces of package pixivoc, for the
// unit tests of programs that use it: Client, Task, Stage, Runtime and Store.
//
// A mock is told which calls to expect and what to answer, and ends the test
// when something else is called:
//
//	client := pixivocmock.NewClient(t)
//	client.EXPECT().Task(mock.Anything, int64(7)).Return(nil, pixivoc.ErrTaskNotFound)
//
// At the end of the test the mock reports the calls that did not come. EXPECT
// knows the types of arguments and results; see package
// github.com/stretchr/testify/mock for what can be said of a call.
//
// To test against a whole site, with real downloads, use package pixivtest
// instead. To test a Store of your own, see package store/storetest.
//
// The mocks are generated: run go generate ./pixivocmock after a change of the
// interfaces.
package pixivocmock
