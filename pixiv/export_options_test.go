package pixiv

// ReportInParts is Report with another number of works in a part.
var ReportInParts = report
