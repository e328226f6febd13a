-- A policy is degraded if it is invalid, or if the operator lacks the rights for its actions. An open circuit breaker
-- is the policy at work: failing runs never degrade it.
local status = obj.status or {}
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator to evaluate the policy"}
end
local byType = {}
for _, condition in ipairs(status.conditions or {}) do
  byType[condition.type] = condition
end
local ready = byType["Ready"]
if ready == nil or ready.status == "Unknown" then
  return {status = "Progressing", message = "Waiting for the operator to evaluate the policy"}
end
if ready.status == "False" then
  return {status = "Degraded", message = ready.reason .. ": " .. (ready.message or "")}
end
local conflicted = byType["Conflicted"]
if conflicted ~= nil and conflicted.status == "True" then
  return {status = "Degraded", message = conflicted.reason .. ": " .. (conflicted.message or "")}
end
if obj.spec.suspended == true then
  return {status = "Suspended", message = "spec.suspended is true"}
end
if obj.spec.pauseRequests ~= nil and #obj.spec.pauseRequests > 0 then
  return {status = "Suspended", message = table.concat(obj.spec.pauseRequests, "; ")}
end
local breaker = byType["BreakerOpen"]
if breaker ~= nil and breaker.status == "True" then
  return {status = "Healthy", message = "the circuit breaker holds its actions: " .. (breaker.message or "")}
end
return {status = "Healthy", message = ready.message}
