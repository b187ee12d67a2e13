package dataapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// DefaultGroupID is the group of tasks without one. Groups of a store begin
// with 1.
const DefaultGroupID = 0

// maxStatuses bounds the tasks of one question.
const maxStatuses = 1000

type groupView struct {
	ID   int64  `json:"taskGroupId"`
	Name string `json:"taskGroupName"`
}

type taskView struct {
	ID      string `json:"taskId"`
	Name    string `json:"taskName"`
	Creator string `json:"creationUserId"`
}

type statusView struct {
	ID     string `json:"taskId"`
	Name   string `json:"taskName"`
	Status int    `json:"status"`
}

// owned says whether the caller may see a task.
func (a *API) owned(c *call, info pixivoc.TaskInfo) bool {
	return a.config.Owns == nil || a.config.Owns(c.account, info)
}

// task returns the task that a call names.
func (a *API) task(c *call) (pixivoc.Task, pixivoc.TaskInfo, error) {
	return a.findTask(c, c.parameters.text("taskId"))
}

// findTask returns a task, or errTask when there is none or it is not the
// caller's.
func (a *API) findTask(c *call, id string) (pixivoc.Task, pixivoc.TaskInfo, error) {
	tid, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(tid, 10) != id {
		return nil, pixivoc.TaskInfo{}, errTask
	}
	task, err := a.client.Task(c.r.Context(), tid)
	if err != nil {
		return nil, pixivoc.TaskInfo{}, err
	}
	info, err := task.Info(c.r.Context())
	if err == nil && !a.owned(c, info) {
		err = errTask
	}
	return task, info, err
}

func (a *API) listGroups(c *call) error {
	groups, err := a.client.Groups(c.r.Context())
	if err != nil {
		return err
	}
	visible := func(pixivoc.Group) bool { return true }
	if a.config.Owns != nil {
		names := map[string]bool{}
		for info, err := range a.client.Tasks(c.r.Context()) {
			if err != nil {
				return err
			}
			if a.owned(c, info) {
				names[info.Group] = true
			}
		}
		visible = func(g pixivoc.Group) bool { return names[g.Name] }
	}
	list := []groupView{{DefaultGroupID, a.config.DefaultGroup}}
	for _, group := range groups {
		if visible(group) {
			list = append(list, groupView{group.ID, group.Name})
		}
	}
	return a.succeed(c, list)
}

// listTasks lists the tasks of a group; a group that is not there has none.
func (a *API) listTasks(c *call) error {
	text, given := c.parameters.find("taskGroupId")
	id, err := strconv.ParseInt(text, 10, 64)
	if !given || err != nil {
		return wrongParameter("taskGroupId", "must be the number of a group")
	}
	name := ""
	if id != DefaultGroupID {
		groups, err := a.client.Groups(c.r.Context())
		if err != nil {
			return err
		}
		at := slices.IndexFunc(groups, func(g pixivoc.Group) bool { return g.ID == id })
		if at < 0 {
			return a.succeed(c, []taskView{})
		}
		name = groups[at].Name
	}
	list := []taskView{}
	creator := creatorID(c.account.Name)
	for info, err := range a.client.Tasks(c.r.Context()) {
		if err != nil {
			return err
		}
		if info.Group == name && a.owned(c, info) {
			list = append(list, taskView{strconv.FormatInt(info.TID, 10), info.TaskName, creator})
		}
	}
	return a.succeed(c, list)
}

// creatorID is a stable identifier for whoever asks, in the form that clients
// know: tasks do not keep who made them.
func creatorID(account string) string {
	sum := sha256.Sum256([]byte("dataapi creationUserId\x00" + account))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8, RFC 9562 section 5.8
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// The states of a task: bazhuayu-dataapi, section 2.
const (
	statusRunning  = 0
	statusStopped  = 1
	statusFinished = 2
	statusWaiting  = 3
	statusNeverRun = 5
)

// statuses has a row for every state of the kernel.
var statuses = [...]struct {
	state  pixivoc.State
	status int
}{
	{pixivoc.StateWaitStart, statusNeverRun},
	{pixivoc.StateQueued, statusWaiting},
	{pixivoc.StateWaitToken, statusWaiting},
	{pixivoc.StateDownloading, statusRunning},
	{pixivoc.StateDiskFull, statusWaiting},
	{pixivoc.StateStopped, statusStopped},
	{pixivoc.StateScheduled, statusWaiting}, // for its next run
	{pixivoc.StateOver, statusFinished},
	{pixivoc.StateError, statusStopped}, // Start tries again
}

func statusOf(state pixivoc.State) (status int, known bool) {
	for _, row := range statuses {
		if row.state == state {
			return row.status, true
		}
	}
	return statusStopped, false
}

// listStatuses leaves out tasks that are not there, unless none is.
func (a *API) listStatuses(c *call) error {
	ids, given := c.parameters.list("taskIdList")
	switch {
	case !given:
		return wrongParameter("taskIdList", "is required")
	case len(ids) > maxStatuses:
		return wrongParameter("taskIdList", fmt.Sprintf("must have %d tasks at most", maxStatuses))
	}
	list := []statusView{}
	for _, id := range ids {
		_, info, err := a.findTask(c, id)
		if errors.Is(err, errTask) || errors.Is(err, pixivoc.ErrTaskNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		status, _ := statusOf(info.State)
		list = append(list, statusView{id, info.TaskName, status})
	}
	if len(list) == 0 && len(ids) > 0 {
		return errTask
	}
	return a.succeed(c, list)
}

// The results of StartTask. For the last but one the sources disagree; these
// are the numbers that bazhuayu-dataapi, section 2, chooses.
const (
	startedNow      = 1
	startedBefore   = 2
	startMisfit     = 5 // wrong configuration
	startNotAllowed = 6
	startOther      = 100
)

func (a *API) startTask(c *call) error {
	task, info, err := a.task(c)
	if err != nil {
		return err
	}
	switch info.State {
	case pixivoc.StateQueued, pixivoc.StateDownloading, pixivoc.StateWaitToken, pixivoc.StateDiskFull:
		return a.succeed(c, startedBefore)
	}
	if info.State == pixivoc.StateOver {
		err = task.Reopen(c.r.Context())
	} else {
		err = task.Start(c.r.Context())
	}
	_, isField := errors.AsType[*pixivoc.FieldError](err)
	switch {
	case err == nil:
		return a.succeed(c, startedNow)
	case isField, errors.Is(err, pixivoc.ErrTypeUnknown), errors.Is(err, pixivoc.ErrSavePath):
		return a.succeed(c, startMisfit)
	case errors.Is(err, pixivoc.ErrNoToken), errors.Is(err, pixivoc.ErrTokenRejected):
		return a.succeed(c, startNotAllowed)
	case errors.Is(err, pixivoc.ErrState):
		return a.succeed(c, startOther)
	}
	return err
}

func (a *API) stopTask(c *call) error {
	task, _, err := a.task(c)
	if err != nil {
		return err
	}
	if err := task.Stop(c.r.Context()); err != nil {
		return err
	}
	return a.succeed(c, nil)
}

// isKeyword says whether the name of a property stands for what a task works
// on. Names are those of a workflow's actions, such as navigateAction1.Url and
// loopAction1.TextList, or "keyword".
func isKeyword(name string) bool {
	if strings.EqualFold(name, "keyword") {
		return true
	}
	_, property, ok := strings.Cut(name, ".")
	return ok && slices.ContainsFunc([]string{"Url", "UrlList", "TextList"}, func(known string) bool {
		return strings.EqualFold(property, known)
	})
}

func (a *API) listProperty(c *call) error {
	_, info, err := a.task(c)
	if err != nil {
		return err
	}
	if !isKeyword(c.parameters.text("name")) {
		return wrongRule("the task has no such property")
	}
	return a.succeed(c, keywordOf(info))
}

func keywordOf(info pixivoc.TaskInfo) []string {
	if info.Keyword == "" {
		return []string{}
	}
	return []string{info.Keyword}
}

// changeProperty succeeds when there is nothing to change. A task keeps its
// keyword, and to say otherwise would be a lie.
func (a *API) changeProperty(c *call) error {
	_, info, err := a.task(c)
	if err != nil {
		return err
	}
	if !isKeyword(c.parameters.text("name")) {
		return wrongRule("the task has no such property")
	}
	values, given := c.parameters.list("value")
	switch {
	case !given:
		return wrongParameter("value", "is required")
	case slices.Equal(values, keywordOf(info)):
		return a.succeed(c, nil)
	}
	return wrongRule("a task keeps what it was made for; make another task")
}
