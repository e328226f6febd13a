-- One action on one run. Whatever became of it, it is history: only an action that is still to come is not healthy yet.
local byType = {}
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  byType[condition.type] = condition
end
local approved, executed, succeeded = byType["Approved"], byType["Executed"], byType["Succeeded"]
if obj.spec.dryRun == true then
  return {status = "Healthy", message = "a dry run: nothing is done"}
end
if approved ~= nil and approved.status == "Unknown" then
  return {status = "Suspended", message = approved.message or "waits for approval"}
end
if approved ~= nil and approved.status == "False" and approved.reason ~= "ApprovalNotRequired" then
  return {status = "Healthy", message = approved.message}
end
if executed == nil or executed.reason == "ExecutionPending" then
  return {status = "Progressing", message = "Waiting for the operator to act"}
end
if succeeded ~= nil and executed.status == "True" then
  return {status = "Healthy", message = succeeded.message}
end
return {status = "Healthy", message = executed.message}
